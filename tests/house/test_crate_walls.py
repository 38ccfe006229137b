"""The walls between the crates: who may name what, and under which licences."""

import json
import subprocess
from functools import cache
from typing import Any

ALLOWED_LICENCES = {
    "Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Unicode-3.0", "Zlib", "0BSD", "CC0-1.0", "MIT-0",
    "Unlicense", "OpenSSL", "BSL-1.0", "Apache-2.0 WITH LLVM-exception",
}  # fmt: skip


@cache
def metadata() -> dict[str, Any]:
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def members() -> dict[str, dict[str, Any]]:
    inside = set(metadata()["workspace_members"])
    return {package["name"]: package for package in metadata()["packages"] if package["id"] in inside}


def direct(name: str) -> set[str]:
    return {d["name"] for d in members()[name]["dependencies"] if d["kind"] is None}


def reached(name: str) -> set[str]:
    nodes = {node["id"]: node for node in metadata()["resolve"]["nodes"]}
    names = {package["id"]: package["name"] for package in metadata()["packages"]}
    seen, todo = set(), [members()[name]["id"]]
    while todo:
        for dependency in nodes[todo.pop()]["deps"]:
            normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if normal and dependency["pkg"] not in seen:
                seen.add(dependency["pkg"])
                todo.append(dependency["pkg"])
    return {names[package] for package in seen}


def named_by(dependency: str) -> set[str]:
    return {name for name in members() if dependency in direct(name)}


def test_pyo3_is_named_by_the_binding_alone():
    assert named_by("pyo3") == {"medianode-py"}


def test_protocol_crates_are_named_by_webrtc_alone():
    everything = set().union(*(direct(name) for name in members()))
    protocol = {name for name in everything if name.startswith("rtc-") or name in {"dimpl", "sctp-proto"}}
    assert "dimpl" in protocol
    for name in protocol:
        assert named_by(name) == {"medianode-webrtc"}, name


def test_forwarding_policy_knows_no_wire_no_crypto_no_system():
    assert reached("medianode-sfu").isdisjoint({"socket2", "tokio", "pyo3", "aws-lc-rs", "serde_json"})
    assert direct("medianode-sfu") <= {"ahash", "serde", "slab", "thiserror", "tracing"}


def test_the_load_generator_does_not_share_the_engine_that_it_measures():
    assert "medianode-engine" not in reached("medianode-load")


def test_no_async_runtime_and_no_ready_made_peer_connection_in_the_product():
    assert reached("medianode-py").isdisjoint(
        {"tokio", "async-std", "webrtc", "rtc", "rtc-ice", "rtc-dtls", "ring"}
    )


def test_protocol_crates_are_pinned_exactly():
    for dependency in members()["medianode-webrtc"]["dependencies"]:
        if dependency["name"].startswith("rtc-") or dependency["name"] in {"dimpl", "sctp-proto"}:
            assert dependency["req"].startswith("="), dependency["name"]


def test_every_crate_of_the_wheel_has_a_licence_that_we_accept():
    inside = reached("medianode-py")
    for package in metadata()["packages"]:
        if package["name"] in inside and not package["name"].startswith("medianode"):
            choices = (package["license"] or "").replace("/", " OR ").replace("(", "").replace(")", "")
            accepted = any(
                all(part.strip() in ALLOWED_LICENCES for part in choice.split(" AND "))
                for choice in choices.split(" OR ")
            )
            assert accepted, f"{package['name']}: {package['license']}"


def test_nothing_is_patched_vendored_or_taken_from_git():
    for package in metadata()["packages"]:
        assert package["source"] is None or package["source"].startswith("registry+"), package["name"]
