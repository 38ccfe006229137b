"""Puts the application together: routes, errors, limits. The composition root hands it its services."""

from fastapi import FastAPI

from medianode import __version__
from medianode.rest import errors
from medianode.rest.deps import Services
from medianode.rest.errors import ErrorGuard
from medianode.rest.guard import AnswerHeaders, BodyLimits
from medianode.rest.routes import health, huddle01, huddle01_sdk, rooms, wallet
from medianode.rest.routes.exchange import whep_router, whip_router
from medianode.rest.routes.page import page_router


def create_app(services: Services, max_body_bytes: int = 1 << 20, body_timeout_s: float = 10.0) -> FastAPI:
    """Makes the application."""
    app = FastAPI(
        title="medianode",
        version=__version__,
        description="A media node: rooms, WHIP and WHEP.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    errors.install(app)
    app.include_router(health.router)
    app.include_router(rooms.router)
    app.include_router(huddle01.router)
    app.include_router(wallet.router)
    app.include_router(whip_router())
    app.include_router(whep_router())
    app.include_router(huddle01_sdk.router)
    app.include_router(huddle01_sdk.recorder)
    app.include_router(page_router())
    # The last one added is the first one reached.
    app.add_middleware(BodyLimits, max_bytes=max_body_bytes, timeout_s=body_timeout_s)
    app.add_middleware(ErrorGuard)
    app.add_middleware(AnswerHeaders)
    return app
