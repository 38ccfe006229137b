"""``medianode bench``: options and words; the work is done by :mod:`medianode.bench`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from medianode.bench import measure, report, scenario
from medianode.errors import InvalidArgument


def bench(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(
            help="names (audio, join, simulcast, smoke, video) or TOML files; default: video audio"
        ),
    ] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="the small scenario alone")] = False,
    duration: Annotated[
        float | None, typer.Option(help="seconds measured, instead of the scenario's")
    ] = None,
    subscribers: Annotated[int | None, typer.Option(help="players, instead of the scenario's")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="figures as JSON on standard output")] = False,
    plot: Annotated[Path | None, typer.Option(help="draw CPU per packet into this SVG file")] = None,
    target_whip_url: Annotated[
        str | None, typer.Option(help="measure this server; {n} is the publisher's number")
    ] = None,
    target_whep_url: Annotated[
        str | None, typer.Option(help="where that server is watched; {n} as above")
    ] = None,
    target_token: Annotated[str, typer.Option(help="bearer token for that server")] = "",
    pid: Annotated[int | None, typer.Option(help="process of that server, for CPU and memory")] = None,
) -> None:
    """Measures what a forwarded packet costs, against this node or another server."""
    chosen = scenarios or (["smoke"] if smoke else ["video", "audio"])
    target = _target(target_whip_url, target_whep_url, target_token, pid)
    results = []
    for name in chosen:
        plan = scenario.read(name)
        plan |= {
            key: value
            for key, value in (("duration_s", duration), ("subscribers", subscribers))
            if value is not None
        }
        if target is None:
            results.append(measure.measure_node(plan, _progress))
        else:
            results.append(measure.measure(plan, target, _progress, []))
        if not as_json:
            print(
                "\r\033[K" + report.table(results[-1]) if sys.stderr.isatty() else report.table(results[-1])
            )
    if as_json:
        print(json.dumps([figures.as_dict() for figures in results], indent=2))
    if plot is not None:
        plot.write_text(report.plot(results))


def _target(whip: str | None, whep: str | None, token: str, pid: int | None) -> measure.Target | None:
    if whip is None and whep is None and pid is None:
        return None
    if whip is None or whep is None or pid is None:
        raise InvalidArgument("another server needs --target-whip-url, --target-whep-url and --pid")
    return measure.Target(whip, whep, token, pid)


def _progress(line: dict[str, Any]) -> None:
    if line["type"] == "progress" and sys.stderr.isatty():
        text = f"{line['connected']}/{line['clients']} connected, {line['packets']:,} packets, {line['lost']} lost"
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
