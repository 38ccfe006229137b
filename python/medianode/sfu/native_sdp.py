"""The ``Sdp`` of this process, over the core's pure functions. Owns what they leave open: SSRCs, names, the policy of legs."""

import json
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from medianode import _core
from medianode.errors import EnginePanic, InvalidArgument, Unsupported
from medianode.sfu import wire
from medianode.sfu.commands import IceReply, TransportReply
from medianode.sfu.params import DtlsParameters, MediaKind, RtpParameters, SctpParameters
from medianode.sfu.sdp import Fragment, Leg, Plan

T = TypeVar("T")


class NativeSdp:
    """Translates SDP with the core's reader and writer."""

    def publish(self, offer: str) -> Plan:
        """Plans a publisher's session; a section that cannot be taken refuses the whole offer (RFC 9725 section 4.4.3)."""
        text, description = _read(offer)
        medias = json.loads(_call(lambda: _core.sdp_publish_answer(text)))
        for media, offered in zip(medias, description["media"], strict=True):
            if not media["accepted"] and not offered.get("rejected"):
                raise Unsupported(
                    f"nothing in section {media['mid'] or media['index']} ({media['kind']}) can be received"
                )
        return _plan(description, medias)

    def play(self, offer: str) -> Plan:
        """Plans a player's session; a section that cannot be served is rejected alone."""
        text, description = _read(offer)
        stream, cname = secrets.token_hex(8), secrets.token_urlsafe(12)
        ssrcs = _ssrcs(2 * len(description["media"]))
        ids = [
            {
                "ssrc": ssrcs[2 * i],
                "rtx_ssrc": ssrcs[2 * i + 1],
                "cname": cname,
                "stream": stream,
                "track": secrets.token_hex(8),
            }
            for i in range(len(description["media"]))
        ]
        medias = json.loads(_call(lambda: _core.sdp_play_answer(text, json.dumps(ids))))
        return _plan(description, medias)

    def answer(self, plan: Plan, transport: TransportReply) -> str:
        """Completes the answer with our transport's parameters."""
        offer, medias = plan.answer["offer"], [media["answer"] for media in plan.answer["medias"]]
        local = json.dumps(wire.encode(transport))
        session_id = secrets.randbits(62)
        description = _call(
            lambda: _core.sdp_assemble_answer(json.dumps(offer), json.dumps(medias), local, session_id)
        )
        return _call(lambda: _core.sdp_write(description))

    def read_fragment(self, text: str) -> Fragment:
        """Reads a trickle message."""
        fragment = json.loads(_call(lambda: _core.sdp_fragment_read(text)))
        return Fragment(ufrag=fragment.get("username_fragment"), password=fragment.get("password"))

    def write_fragment(self, plan: Plan, ice: IceReply) -> str:
        """Writes the answer to an ICE restart: new credentials, all candidates."""
        offer = plan.answer["offer"]
        live = [media["answer"] for media in plan.answer["medias"] if not media["answer"].get("rejected")]
        tagged = next((media for media in live if media["mid"] in offer["bundle"][:1]), live[0])
        fragment = {
            "ice_lite": True,
            "bundle": [mid for mid in offer["bundle"] if any(media["mid"] == mid for media in live)],
            "media": _pseudo_media_line(tagged),
            "mid": tagged["mid"] or None,
            "username_fragment": ice.ice.username_fragment,
            "password": ice.ice.password,
            "candidates": wire.encode(ice.candidates),
            "end_of_candidates": True,
        }
        return _call(lambda: _core.sdp_fragment_write(json.dumps(fragment)))


def _read(offer: str) -> tuple[str, dict[str, Any]]:
    text = _call(lambda: _core.sdp_read(offer))
    description: dict[str, Any] = json.loads(text)
    if not description.get("ice") or not description.get("dtls"):
        raise Unsupported("the offer has no ICE credentials or no DTLS fingerprint")
    return text, description


def _plan(description: dict[str, Any], medias: list[dict[str, Any]]) -> Plan:
    legs = tuple(
        Leg(MediaKind(media["kind"]), wire.decode(RtpParameters, media["rtp"]))
        for media in medias
        if media["accepted"] and media.get("rtp") is not None
    )
    sctp = None
    for media, offered in zip(medias, description["media"], strict=True):
        if media["accepted"] and media["kind"] == "application" and offered.get("sctp"):
            sctp = wire.decode(SctpParameters, offered["sctp"])
    return Plan(
        legs=legs,
        dtls=wire.decode(DtlsParameters, description["dtls"]),
        sctp=sctp,
        remote_ufrag=description["ice"]["username_fragment"],
        answer={"offer": description, "medias": medias},
    )


def _pseudo_media_line(media: dict[str, Any]) -> str:
    """Writes the value of an ``m=`` line as RFC 8840 section 9 wants it: the section's kind and formats, no port."""
    formats = (
        " ".join(str(codec["payload_type"]) for codec in media.get("codecs", [])) or "webrtc-datachannel"
    )
    return f"{media['kind']} 9 {media['protocol']} {formats}"


def _ssrcs(count: int) -> list[int]:
    """Draws distinct SSRCs; zero means none to some, so it is left out."""
    drawn: set[int] = set()
    while len(drawn) < count:
        drawn.add(1 + secrets.randbelow(0xFFFF_FFFE))
    return list(drawn)


def _call(function: Callable[[], T]) -> T:
    try:
        return function()
    except _core.UnsupportedSdpError as error:
        raise Unsupported(str(error)) from error
    except ValueError as error:
        raise InvalidArgument(str(error)) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise EnginePanic(f"the core panicked: {error}") from error
        raise
