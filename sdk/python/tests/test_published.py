"""Whoever changes the version from the published 0.1 or 0.2 to this one has to change nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest

HERE = Path(__file__).parent
PUBLISHED = os.environ.get("PINGR_TEST_CLIENTS")


def shape_of(package: Path) -> dict[str, Any]:
    """Return the shape of the package in a directory."""
    environment = {**os.environ, "PYTHONPATH": str(package)}
    done = subprocess.run(
        [sys.executable, "-P" if sys.version_info >= (3, 11) else "-B", HERE / "shape.py"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    shape: dict[str, Any] = json.loads(done.stdout)
    return shape


def lacks(old: Any, new: Any, where: str) -> list[str]:
    """Return what of old is missing in new, in words."""
    if isinstance(old, list) and isinstance(new, list):
        return (
            lacking_parameters(old, new, where)
            if old and isinstance(old[0], dict)
            else [f"{where}: {item}" for item in old if item not in new]
        )
    if isinstance(old, dict):
        if not isinstance(new, dict):
            return [where]
        return [
            w
            for key in old
            for w in (lacks(old[key], new[key], f"{where}.{key}") if key in new else [f"{where}.{key}"])
        ]
    return [] if old is None or old == new else [f"{where}: {old!r} became {new!r}"]


def lacking_parameters(old: list[Any], new: list[Any], where: str) -> list[str]:
    """Return what calls that were good no longer are."""
    known = {p["name"]: p for p in new}
    bad = [f"{where}({p['name']})" for p in old if p["name"] not in known]
    for position, p in enumerate(p for p in old if p["name"] in known):
        now = known[p["name"]]
        same = p["kind"] == now["kind"] and (p["kind"] == "KEYWORD_ONLY" or new[position]["name"] == p["name"])
        if not same or (p["optional"] and (not now["optional"] or p["default"] != now["default"])):
            bad.append(f"{where}({p['name']}): {p} became {now}")
    return bad + [
        f"{where}({p['name']}) is asked for"
        for p in new
        if not p["optional"] and p["name"] not in {o["name"] for o in old}
    ]


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the published packages themselves do not run on Python 3.9")
@pytest.mark.skipif(not PUBLISHED, reason="PINGR_TEST_CLIENTS names no directory with the published packages")
@pytest.mark.parametrize("version", ["0.1.1", "0.2.0"])
def test_every_public_name_parameter_and_attribute_is_kept(version: str) -> None:
    published = shape_of(Path(str(PUBLISHED)) / version)
    names = {
        "pingr.Pingr",
        "pingr.AsyncPingr",
        "pingr.verify_webhook",
        "pingr.client.AsyncPingr",
        "pingr.PingrAuthError",
    }
    assert names <= set(published), "this is not the published package"
    assert len(published) > 20
    assert lacks(published, shape_of(HERE.parent / "src"), version) == []


def test_what_is_missing_would_be_seen() -> None:
    ours = shape_of(HERE.parent / "src")
    assert lacks(ours, ours, "") == []
    changes: list[tuple[Callable[[Any], object], str]] = [
        (lambda s: s.pop("pingr.verify_webhook"), ".pingr.verify_webhook"),
        (lambda s: s["pingr.verify_webhook"].pop(0), "(raw_body)"),
        (lambda s: s["pingr.create_challenge_code"][0].update(default=8), "(length)"),
        (lambda s: s["pingr.Pingr"]["attributes"].pop("messages"), ".attributes.messages"),
        (lambda s: s["pingr.PingrAuthError"]["attributes"].update(code="x"), "became 'x'"),
        (lambda s: s["pingr.Messages"]["methods"].pop("send"), ".methods.send"),
        (lambda s: s["pingr.PingrAuthError"]["bases"].remove("PingrError"), "bases: PingrError"),
    ]
    for change, want in changes:
        other = json.loads(json.dumps(ours))
        change(other)
        found = lacks(ours, other, "")
        assert any(want in one for one in found), (want, found)
