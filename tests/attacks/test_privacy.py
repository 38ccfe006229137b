"""What a call leaves behind where others read: no client's address, no token, no key, at any level of logging."""

import json
import re
import subprocess
import sys

import pytest

from tests.attacks import sdp
from tests.support.call import Call
from tests.support.middleman import Middleman
from tests.support.raw_http import offer, request
from tests.support.running_node import start_node

CLIENT_IP, HTTP_IP = "127.0.0.77", "127.0.0.78"


@pytest.fixture(scope="module", params=["info", "debug"])
def witnessed(request, tmp_path_factory):
    """A call, some mistakes, and everything that was said and written about them."""
    node = start_node(
        tmp_path_factory.mktemp("node"),
        "--announced-ip",
        "127.0.0.1",
        "--workers",
        "1",
        "--log-level",
        request.param,
    )
    texts = {}
    with (
        Middleman(node, CLIENT_IP, HTTP_IP) as man,
        Call(node, "private", base_url=man.base_url, players=2) as call,
    ):
        man.publisher.inject(b"\x80\x60" + bytes(100))
        texts |= replies(node)
        texts |= mistakes(node, call.token)
        texts["metrics"] = node.request("GET", "/metrics")[2].decode()
        secrets = credentials(man)
    for name, answer in enumerate(man.answers):
        texts[f"answer {name}"] = answer
    assert node.stop() == 0
    texts["log"] = "".join(node.log)
    key = (node.data_dir / "client-token.key").read_text().strip()
    secrets |= {"the token": call.token, "the API key": node.ready["api_key"], "the token key": key}
    return request.param, texts, secrets


def credentials(man):
    offers, answers = "\n".join(man.offers), "\n".join(man.answers)
    pairs = [("a client's", offers), ("the node's", answers)]
    return {
        f"{whose} ICE password {n}": found
        for whose, text in pairs
        for n, found in enumerate(re.findall(r"a=ice-pwd:(\S+)", text))
    }


def replies(node):
    key = node.ready["api_key"]
    paths = ["", "/private", "/private/peers", "/private/peers/ann0", "/private/stats"]
    found = {path: node.request("GET", "/api/v1/rooms" + path, token=key) for path in paths}
    assert all(status == 200 for status, _, _ in found.values())
    return {f"GET {path}": json.dumps(headers) + body.decode() for path, (_, headers, body) in found.items()}


def mistakes(node, token):
    answers = [
        offer(node, "/whip/private/bob", token, "v=0\r\n" + "a=ice-pwd:" + "s" * 30),
        offer(node, "/whip/private/bob", token + "x", sdp.offer()),
        offer(node, "/whip/other/bob", token, sdp.offer()),
        request(node, "GET", f"/api/v1/rooms/{token}", token=node.ready["api_key"]),
        request(node, "GET", f"/{token}"),
        request(node, "GET", "/api/v1/rooms", Authorization=f"Basic {token}"),
        request(
            node,
            "PATCH",
            "/whip/private/ann0/none",
            token=token,
            body=b"x",
            Content_Type="application/trickle-ice-sdpfrag",
        ),
    ]
    for answer in answers:
        assert 400 <= answer.status < 500
        answer.problem()
    return {f"mistake {n}": str(answer.headers) + answer.body.decode() for n, answer in enumerate(answers)}


def test_no_address_of_a_client(witnessed):
    level, texts, _ = witnessed
    for where, text in texts.items():
        if where != "log" or level != "debug":
            assert CLIENT_IP not in text, where
            assert HTTP_IP not in text, where


def test_no_secret(witnessed):
    _, texts, secrets = witnessed
    for where, text in texts.items():
        for what, secret in secrets.items():
            if what.startswith("the node's ICE") and where.startswith("answer"):
                continue  # told to its peer, as it must be
            if what == "the token" and where in ("mistake 3", "mistake 4"):
                continue  # a path that the caller itself wrote
            assert secret not in text, (what, where)


def test_no_secret_on_command_lines(tmp_path):
    node = start_node(tmp_path)
    try:
        for name in ("cmdline", "environ"):
            with open(f"/proc/{node.process.pid}/{name}", "rb") as file:
                assert node.ready["api_key"].encode() not in file.read()
        mode = (tmp_path / "client-token.key").stat().st_mode & 0o077
        assert mode == 0
        assert (tmp_path / "api-keys.json").stat().st_mode & 0o077 == 0
        assert node.ready["api_key"] not in (tmp_path / "api-keys.json").read_text()
    finally:
        assert node.stop() == 0


def test_the_effective_settings_show_no_secret(tmp_path):
    file = tmp_path / "node.toml"
    file.write_text(
        '[[ice_servers]]\nurl = "turn:t.example:3478"\nusername = "u"\ncredential = "very-secret"\n'
    )
    command = [
        sys.executable,
        "-m",
        "medianode",
        "config",
        "--config",
        str(file),
        "--data-dir",
        str(tmp_path),
    ]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    assert "t.example" in shown
    assert "very-secret" not in shown
