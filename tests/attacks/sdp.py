"""Offers: one that is right, and bombs made from it."""

FINGERPRINT = ":".join(["4A"] * 32)
HEAD = (
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {mids}\r\n"
    f"a=ice-ufrag:abcd\r\na=ice-pwd:{'p' * 22}\r\na=fingerprint:sha-256 {FINGERPRINT}\r\na=setup:actpass\r\n"
)
VIDEO = (
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na={direction}\r\na=rtcp-mux\r\n"
    "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 nack\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
)
STREAM = "a=ssrc-group:FID 1111 2222\r\na=ssrc:1111 cname:x\r\na=ssrc:2222 cname:x\r\n"


def offer(direction: str = "sendonly", extra: str = "") -> str:
    section = VIDEO.format(mid=0, direction=direction) + (STREAM if direction == "sendonly" else "")
    return HEAD.format(mids=0) + section + extra


def bombs() -> dict[str, str]:
    """Each is refused, or answered like the offer it was made from."""
    right = offer()
    sections = "".join(VIDEO.format(mid=n, direction="sendonly") for n in range(10_000))
    candidate = "a=candidate:{n} 1 udp 1 10.0.0.1 {n} typ host\r\n"
    return {
        "a megabyte of attributes": right + "a=x:y\r\n" * 140_000,
        "one line of a megabyte": right + "a=x:" + "y" * 1_000_000 + "\r\n",
        "10 000 sections": HEAD.format(mids=" ".join(map(str, range(10_000)))) + sections,
        "many sections under the size limit": HEAD.format(mids=0) + "m=audio 9 X 0\r\n" * 3000,
        "100 000 candidates": right + "".join(candidate.format(n=n) for n in range(1, 65_001)) * 2,
        "many candidates under the size limit": right
        + "".join(candidate.format(n=n) for n in range(1, 1200)),
        "payload type 128": right.replace("96", "128"),
        "payload type -1": right.replace("96", "-1"),
        "a clock rate beyond 32 bits": right.replace("90000", "9" * 30),
        "an SSRC beyond 32 bits": right.replace("1111", "9" * 30),
        "no media": HEAD.format(mids=""),
        "half of it": right[: len(right) // 2],
        "line ends of zero": right.replace("\r\n", "\0"),
        "controls and bidi marks": right.replace("s=-", "s=\x01\x1b[31m\u202e"),
        "a mid that stands twice": right + VIDEO.format(mid=0, direction="sendonly"),
        "a bundle of nobody": right.replace("BUNDLE 0", "BUNDLE " + "x " * 2000),
        "a fingerprint that is none": right.replace("4A:", "ZZ:"),
        "a fingerprint of md5": right.replace("sha-256", "md5"),
        "rids without end": right + "".join(f"a=rid:{n} send\r\n" for n in range(2000)),
        "extensions without end": right + "".join(f"a=extmap:{n} urn:x:{n}\r\n" for n in range(2000)),
        "an rtx of itself": right.replace("apt=96", "apt=97"),
        "only a version": "v=0\r\n",
        "text": "hello",
        "json": '{"type": "offer", "sdp": "v=0"}',
    }
