"""``medianode doctor``: what this machine lacks, and what to do."""

import asyncio
import json
import sys
from dataclasses import asdict

from medianode.cli import options
from medianode.node.doctor import examine

_MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


@options.expanded
def doctor(node: options.NodeOptions, json_document: options.Json = False) -> None:
    """Checks this machine with these settings. Exit status 1 when a check fails; warnings do not count."""
    findings = asyncio.run(examine(node.settings()))
    failed = any(finding.state == "fail" for finding in findings)
    if json_document:
        print(json.dumps({"ok": not failed, "checks": [asdict(finding) for finding in findings]}, indent=1))
    else:
        width = max(len(finding.check) for finding in findings)
        for finding in findings:
            print(f"{_MARKS[finding.state]}  {finding.check:<{width}}  {finding.found}")
            if finding.state != "ok" and finding.fix:
                print(f"      {'':<{width}}  -> {finding.fix}")
    sys.exit(1 if failed else 0)
