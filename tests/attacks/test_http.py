"""Hostile HTTP while people talk: refused with a problem document, bounded, and the call goes on."""

import base64
import contextlib
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest

from tests.attacks import sdp
from tests.support import metrics, raw_http
from tests.support.call import Call
from tests.support.raw_http import connect, exchange, offer, request
from tests.support.running_node import RunningNode, start_node


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """Impatient, so that the slow are cut within the test."""
    running = start_node(
        tmp_path_factory.mktemp("node"),
        "--announced-ip",
        "127.0.0.1",
        "--workers",
        "1",
        MEDIANODE_LIMITS__HEADER_TIMEOUT_S="2",
        MEDIANODE_LIMITS__BODY_TIMEOUT_S="2",
    )
    yield running
    panics = metrics.counted(running, "panics", "restarts")
    assert running.stop() == 0, "".join(running.log)
    assert panics == 0
    assert "Traceback" not in "".join(running.log)


@pytest.fixture
def crowd(node):
    """Opens many connections and closes them whatever happens."""
    with contextlib.ExitStack() as stack:

        def some(count, where=node):
            return [stack.enter_context(connect(where)) for _ in range(count)]

        yield some


def resident_kib(node: RunningNode) -> int:
    status = Path(f"/proc/{node.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def delete_session(node: RunningNode, token: str, created: raw_http.Response) -> None:
    assert request(node, "DELETE", created.headers["location"], token=token).status == 200


@pytest.mark.parametrize("side", ["whip", "whep"])
def test_sdp_bombs_are_refused_or_answered(node, side):
    token = node.mint("bombs")
    with Call(node, f"bombs-{side}"):
        for name, bomb in sdp.bombs().items():
            text = bomb if side == "whip" else bomb.replace("sendonly", "recvonly")
            answer = offer(node, f"/{side}/bombs/bob", token, text)
            if answer.status == 201:
                delete_session(node, token, answer)
            else:
                assert answer.status in (400, 413, 422), (name, answer)
                answer.problem()
    metrics.until(lambda: metrics.gauge(node, "medianode_sessions") == 0, "no session is left")


def test_wrong_types_and_bodies(node):
    token, right = node.mint("types"), sdp.offer().encode()
    with Call(node, "types-call"):
        for kind in (
            "application/json",
            "text/plain",
            "application/sdp2",
            "application/trickle-ice-sdpfrag",
            "",
            ";",
            "\xff",
        ):
            answer = request(node, "POST", "/whip/types/bob", token=token, body=right, Content_Type=kind)
            assert answer.status == 415, kind
            answer.problem()
        assert request(node, "POST", "/whip/types/bob", token=token, body=right).status == 415
        for body in (b"", b" \r\n", b"\xff\xfe" + right, right[:40]):
            answer = offer_bytes(node, token, body)
            assert answer.status in (400, 422), body
            answer.problem()
        for body in (
            b"",
            b"[",
            b"[]",
            b"null",
            b'{"name": 1}',
            b'{"name": "a/b"}',
            b"\xff",
            b"[" * 100_000,
            b'{"name":"' + b"x" * 10_000 + b'"}',
        ):
            answer = request(
                node,
                "POST",
                "/api/v1/rooms",
                token=node.ready["api_key"],
                body=body,
                Content_Type="application/json",
            )
            assert answer.status in (400, 422), body[:40]
            answer.problem()


def offer_bytes(node: RunningNode, token: str, body: bytes) -> raw_http.Response:
    return request(node, "POST", "/whip/types/bob", token=token, body=body, Content_Type="application/sdp")


HEAD = "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nAuthorization: Bearer {token}\r\n{more}\r\n\r\n"


@pytest.mark.parametrize("path", ["/whip/large/bob", "/whep/large", "/api/v1/rooms", "/nowhere"])
def test_large_bodies_are_refused_unread(node, path):
    token = node.mint("large")
    before = resident_kib(node)
    with Call(node, "large-call"):
        announced = HEAD.format(path=path, token=token, more="Content-Length: 10000000").encode()
        answer = exchange(node, announced)  # not one byte of the body is sent
        assert answer.status == 413
        answer.problem()
        for length in ("99999999999999999999999", "-1", "1e3", "0x10", "1, 2"):
            answer = exchange(
                node, HEAD.format(path=path, token=token, more=f"Content-Length: {length}").encode()
            )
            assert 400 <= answer.status < 500, length
            answer.problem()
        chunked = HEAD.format(path=path, token=token, more="Transfer-Encoding: chunked").encode()
        with connect(node) as stream:
            sent = pushed(stream, chunked, b"10000\r\n" + b"x" * 65536 + b"\r\n", 160)
            answer = raw_http.read(stream)
        assert sent < 160 * 65536, "ten megabytes were read"
        if answer.status:  # a reset may overtake the answer
            assert answer.status in (401, 404, 413, 415)
            answer.problem()
    assert resident_kib(node) - before < 16 * 1024


def pushed(stream: socket.socket, head: bytes, piece: bytes, count: int) -> int:
    """Sends until the node no longer takes it; returns how much it took."""
    stream.sendall(head)
    stream.settimeout(1)
    sent = 0
    with contextlib.suppress(OSError):
        for _ in range(count):
            sent += stream.send(piece)
    stream.settimeout(raw_http.TIMEOUT_S)
    return sent


def test_the_slow_are_cut_and_others_served_meanwhile(node, crowd):
    token = node.mint("slow")
    body_head = HEAD.format(path="/whip/slow/bob", token=token, more="Content-Length: 900").encode()
    with Call(node, "slow-call", seconds=6):
        heads, bodies, silent = crowd(200), crowd(50), crowd(50)
        for stream in heads:
            stream.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        for stream in bodies:
            stream.sendall(body_head)
        drips = {
            **dict.fromkeys(heads, b"x: y\r\n"),
            **dict.fromkeys(bodies, b"v"),
            **dict.fromkeys(silent, b""),
        }
        waiting, end = list(drips), time.monotonic() + 30
        while waiting and time.monotonic() < end:
            assert request(node, "GET", "/healthz").status == 200
            answer = offer(node, "/whip/slow/ann", token, sdp.offer())
            assert answer.status == 201
            delete_session(node, token, answer)
            waiting = [stream for stream in waiting if not is_closed(stream, drips[stream])]
        assert not waiting, f"{len(waiting)} slow connections are kept"


def is_closed(stream: socket.socket, drip: bytes) -> bool:
    """Drips on and looks whether the node has closed."""
    stream.setblocking(False)
    try:
        if drip:
            stream.send(drip)
        while stream.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


SECRET_PATHS = [
    "/nowhere",
    "//",
    "//api/v1/rooms",
    "/api//v1/rooms",
    "/api/v1/rooms/",
    "/api/v1/rooms/..%2f..%2fkeys",
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/dashboard/../../errors.py",
    "/index.html/../../errors.py",
    "/..\\..\\errors.py",
    "/app.js%00.html",
    "/whip/..%2fapi%2fv1%2frooms/x/y/z",
    "/api/v1/rooms/;/peers",
    "/client-token.key",
    "/.env",
    "/__init__.py",
    "http://other/api/v1/rooms",
    "http://127.0.0.1:1/nowhere",
    "*",
    "/" + "a" * 20_000,
    "/?" + "q=1&" * 5000 + "/../x",
    "/api/v1/rooms/%ff%fe",
    "/api/v1/rooms/a%0d%0aX-Injected:%201",
]


def test_paths_lead_nowhere(node):
    with Call(node, "paths-call"):
        for path in SECRET_PATHS:
            for method in ("GET", "POST", "DELETE", "PUT", "TRACE", "CONNECT", "PATCH", "FOO"):
                answer = request(node, method, path)
                if path.startswith("/?") and method == "GET":
                    continue  # the page
                assert 400 <= answer.status < 500, (method, path, answer)
                assert "x-injected" not in answer.headers
                if method != "HEAD":
                    answer.problem()


def test_a_host_header_opens_nothing(node):
    for host in ("localhost/healthz?", "/healthz", "x/../../healthz#", "a b"):
        answer = exchange(
            node, f"GET /api/v1/rooms HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        assert answer.status in (400, 401), host
        answer.problem()


def test_names_in_paths_are_checked(node):
    token = node.mint("names")
    for name in (
        "a%2fb",
        "%00",
        "%0a",
        "a b",
        "%20",
        "x" * 1000,
        "..",
        "%ff",
        "~",
        "<script>",
        "%3cscript%3e",
        "'--",
    ):
        answer = offer(node, f"/whip/names/{name.replace(' ', '%20')}", token, sdp.offer())
        assert answer.status in (400, 404, 405, 422), (name, answer)
        answer.problem()
    key = node.ready["api_key"]
    for name in ("..", "a%00", "x" * 300, "%3cscript%3e", "\x1b[31m"):
        answer = request(node, "GET", f"/api/v1/rooms/{name}", token=key)
        assert answer.status in (400, 404, 422), name
        answer.problem()


def test_huge_heads_and_what_is_no_http(node):
    junk = [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 2_000_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 300_000 + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nX: a\0b\r\nHost: x\r\n\r\n",
        b"GET  /healthz  HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500) + b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(100),
        b"POST /api/v1/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /whip/a/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
    ]
    with Call(node, "heads-call"):
        for data in junk:
            answer = exchange(node, data)
            assert answer.status == 0 or 400 <= answer.status < 500, (data[:60], answer)
            if answer.status:
                answer.problem()
        assert request(node, "GET", "/healthz").status == 200


def part(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def forged(node: RunningNode, room: str) -> dict[str, str]:
    key = bytes.fromhex((node.data_dir / "client-token.key").read_text())
    right = node.mint(room)
    head, payload, signature = right.split(".")
    claims = jwt.decode(right, options={"verify_signature": False})

    def signed(
        algorithm: str = "HS256",
        secret: bytes = key,
        headers: dict[str, object] | None = None,
        **other: object,
    ) -> str:
        changed = {**claims, **other}
        return jwt.encode({k: v for k, v in changed.items() if v is not None}, secret, algorithm, headers)

    now = claims["iat"]
    return {
        "alg none": f"{part({'alg': 'none', 'typ': 'JWT'})}.{payload}.",
        "alg None with the signature": f"{part({'alg': 'None'})}.{payload}.{signature}",
        "alg empty": f"{part({'alg': ''})}.{payload}.{signature}",
        "no alg": f"{part({'typ': 'JWT'})}.{payload}.{signature}",
        "alg RS256 over our key": f"{part({'alg': 'RS256'})}.{payload}.{signature}",
        "another HMAC with our key": signed("HS384", key * 2),
        "another HMAC": f"{part({'alg': 'HS512'})}.{payload}.{signature}",
        "a wrong key": signed(secret=b"k" * 32),
        "the file's text as key": signed(secret=key.hex().encode()),
        "an empty signature": f"{head}.{payload}.",
        "a cut signature": right[:-4],
        "a role raised": f"{head}.{part({**claims, 'role': 'host', 'room': room, 'x': 1})}.{signature}",
        "expired": signed(exp=now - 3600),
        "expires never": signed(exp=None),
        "expires beyond numbers": signed(exp=True),
        "expires as text": signed(exp="tomorrow"),
        "not yet": signed(nbf=now + 3600),
        "of another issuer": signed(iss="somebody"),
        "for another audience": signed(aud="medianode:api"),
        "without a room": signed(room=None),
        "a room that is no text": signed(room=["a", room]),
        "an unknown role": signed(role="owner"),
        "crit": signed(headers={"crit": ["b64", "x"], "x": 1}),
        "oversized": signed(x="y" * 20_000),
        "four parts": right + "." + signature,
        "two parts": f"{head}.{payload}",
        "nested": f"{part([[[[]]]])}.{part([])}.{signature}",
        "deep": base64.urlsafe_b64encode(b"[" * 2000).decode() + f".{payload}.{signature}",
        "nothing": "x",
        "an API key's shape": "mnk_00000000_" + "x" * 43,
    }


def test_tokens_that_are_not_ours(node):
    with Call(node, "tokens-call"):
        seen = set()
        for name, token in forged(node, "forged").items():
            for method, path in (
                ("POST", "/whip/forged/bob"),
                ("POST", "/whep/forged"),
                ("DELETE", "/whip/forged/bob/x"),
                ("GET", "/api/v1/rooms/forged/events"),
                ("DELETE", "/api/v1/rooms/forged/peers/bob"),
            ):
                answer = request(
                    node, method, path, token=token, body=sdp.offer().encode(), Content_Type="application/sdp"
                )
                assert answer.status == 401, (name, method, path, answer)
                assert "www-authenticate" in answer.headers
                document = answer.problem()
                assert token not in answer.body.decode()
                seen.add((path, document.get("detail")))
        assert len(seen) == 5, "a prober learns from the error why it was refused"


def test_a_token_opens_its_own_room_and_name_only(node):
    other, named = node.mint("elsewhere"), node.mint("forged", peer="bob", role="guest")
    for path in ("/whip/forged/bob", "/whep/forged", "/whep/forged/bob"):
        answer = offer(node, path, other, sdp.offer())
        assert answer.status == 403
        answer.problem()
    assert offer(node, "/whip/forged/eve", named, sdp.offer()).status == 403
    listener = node.mint("forged", role="listener")
    assert offer(node, "/whip/forged/bob", listener, sdp.offer()).status == 403
    for path in ("/api/v1/rooms", "/api/v1/rooms/forged/peers", "/api/v1/rooms/forged/stats"):
        assert request(node, "GET", path, token=other).status == 401
    assert request(node, "DELETE", "/api/v1/rooms/forged/peers/bob", token=other).status in (403, 404)


def test_nobody_ends_the_session_of_another(node):
    ann, eve = node.mint("theft", peer="ann", role="guest"), node.mint("theft", peer="eve", role="guest")
    with Call(node, "theft-call"):
        created = offer(node, "/whip/theft/ann", ann, sdp.offer())
        assert created.status == 201
        where = created.headers["location"]
        for token, path in (
            (eve, where),
            (node.mint("other"), where),
            (ann, where[:-4] + "xxxx"),
            (eve, where.replace("/whip/", "/whep/")),
        ):
            answer = request(node, "DELETE", path, token=token)
            assert answer.status in (403, 404), path
            answer.problem()
            answer = request(
                node,
                "PATCH",
                path,
                token=token,
                body=b"a=ice-ufrag:x",
                Content_Type="application/trickle-ice-sdpfrag",
                If_Match="*",
            )
            assert answer.status in (403, 404), path
        delete_session(node, ann, created)


def test_connections_are_bounded(tmp_path, crowd):
    node = start_node(tmp_path, MEDIANODE_LIMITS__CONNECTIONS="64", MEDIANODE_LIMITS__HEADER_TIMEOUT_S="6")
    try:
        folder = Path(f"/proc/{node.process.pid}/fd")
        before = len(list(folder.iterdir()))
        some = crowd(400, node)
        late = raw_http.read(some[-1])
        assert late.status == 503
        late.problem()
        metrics.until(lambda: len(list(folder.iterdir())) <= before + 64 + 4, "no more than the limit", 5)
        metrics.until(
            lambda: request(node, "GET", "/healthz").status == 200, "served again once the idle are cut"
        )
        for stream in some:
            stream.close()
    finally:
        assert node.stop() == 0
    assert "Traceback" not in "".join(node.log)


def test_a_storm_of_posts_leaves_nothing(node):
    token = node.mint("storm")

    def one(number: int) -> raw_http.Response:
        text = sdp.offer() if number % 3 else "v=0\r\nbroken"
        path = ("/whip/storm/same", f"/whip/storm/peer{number}", "/whep/storm", "/whep/storm/same")[
            number % 4
        ]
        return offer(node, path, token, text if "whip" in path else text.replace("sendonly", "recvonly"))

    with Call(node, "storm-call"):
        with ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(one, range(600)))
        for answer in answers:
            assert answer.status in (201, 400, 409, 422, 429, 503), answer
            if answer.status != 201:
                answer.problem()
        made = [answer for answer in answers if answer.status == 201]
        assert made
        with ThreadPoolExecutor(24) as pool:
            ended = list(
                pool.map(lambda a: request(node, "DELETE", a.headers["location"], token=token).status, made)
            )
        assert set(ended) <= {200, 404}  # one that was taken over is gone already
    key = node.ready["api_key"]
    rooms = json.loads(request(node, "GET", "/api/v1/rooms", token=key).body)["rooms"]
    assert [room for room in rooms if room["name"] == "storm"] == []
    metrics.until(lambda: metrics.gauge(node, "medianode_sessions") == 0, "no session is left")
