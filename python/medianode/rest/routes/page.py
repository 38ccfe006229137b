"""The page: static files with a strict content security policy, and a plain page of the API."""

import hashlib
import html
import mimetypes
from functools import partial
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

FOLDER = Path(__file__).parent.parent / "dashboard"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; media-src 'self' blob: mediastream:; manifest-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def page_router(folder: Path = FOLDER) -> APIRouter:
    """Routes every file of the folder by its path, `index.html` also as `/`. What is not listed at start does not exist."""
    router = APIRouter(include_in_schema=False)
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith(".") or path.suffix == ".md":
            continue
        route = "/" + path.relative_to(folder).as_posix()
        endpoint = partial(_file, path)
        router.add_api_route(route, _endpoint(endpoint), methods=["GET", "HEAD"])
        if route == "/index.html":
            router.add_api_route("/", _endpoint(endpoint), methods=["GET", "HEAD"])
    router.add_api_route("/docs", docs, methods=["GET", "HEAD"])
    return router


def _endpoint(serve: partial[Response]):  # type: ignore[no-untyped-def]  # noqa: ANN202 - an endpoint
    async def endpoint(request: Request) -> Response:
        return serve(request)

    return endpoint


def _file(path: Path, request: Request) -> Response:
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    headers = {**PAGE_HEADERS, "ETag": tag}
    known = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    kind = {
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".webmanifest": "application/manifest+json",
    }.get(path.suffix)
    return Response(content, headers=headers, media_type=kind or mimetypes.guess_type(path.name)[0])


async def docs(request: Request) -> Response:
    """Lists the API from its own description, without a script and without anything from elsewhere."""
    schema = request.app.openapi()
    rows = []
    for path, methods in schema["paths"].items():
        for method, call in methods.items():
            text = call.get("description") or call.get("summary") or ""
            rows.append(
                f"<tr><td><code>{method.upper()}</code></td><td><code>{html.escape(path)}</code></td>"
                f"<td>{html.escape(text)}</td></tr>"
            )
    title = html.escape(f"{schema['info']['title']} {schema['info']['version']}")
    body = (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{title}</title><h1>{title}</h1><p>{html.escape(schema['info'].get('description', ''))}</p>"
        f"<p>The whole description: <a href=/openapi.json>openapi.json</a> (OpenAPI). Errors are problem documents "
        f"(RFC 9457).</p><table>{''.join(rows)}</table></html>"
    )
    return HTMLResponse(body, headers=PAGE_HEADERS)
