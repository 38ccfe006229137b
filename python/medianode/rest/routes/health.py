"""Whether the node lives, whether it takes people in, and its counters."""

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from medianode.errors import Draining
from medianode.rest.deps import Ours
from medianode.rest.metrics import CONTENT_TYPE, metrics_text

router = APIRouter(tags=["health"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", response_class=PlainTextResponse)
async def healthz() -> str:
    """Says that the process answers."""
    return "ok\n"


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", response_class=PlainTextResponse)
async def readyz(ours: Ours) -> str:
    """Says whether the node takes people in."""
    if ours.rooms.draining:
        raise Draining("this node is stopping", retry_after=5)
    return "ready\n"


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(ours: Ours) -> Response:
    """Returns counters in the OpenMetrics text format."""
    text = metrics_text(
        ours.rooms.directory,
        ours.sfu.snapshot(),
        ours.recorder.facts_lost,
        ours.endpoints,
        ours.wallet.facts(),
    )
    return Response(text, media_type=CONTENT_TYPE)
