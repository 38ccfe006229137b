"""The HTTP face: API, WHIP and WHEP requests, metrics and the page. The only code that knows ASGI; holds no rule."""
