"""The cases that the helpers of all languages pass, read from testdata/vectors.json."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from world import Customer, Endpoint, World, start

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "testdata" / "vectors.json").read_text(encoding="utf-8")
)


def body_of(case: dict[str, Any]) -> bytes:
    """Return the body of a verify case."""
    if repeat := case.get("body_repeat"):
        text: str = repeat["before"] + repeat["unit"] * repeat["times"] + repeat["after"]
        return text.encode()
    if "body" in case:
        return str(case["body"]).encode()
    return base64.b64decode(case.get("body_base64", ""))


def text_of(case: dict[str, Any]) -> str:
    """Return the text of an extract or link case."""
    return str(json.loads(case["text_json"]) if "text_json" in case else case["text"])


def pytest_generate_tests(metafunc: Any) -> None:
    """Give a test marked ``@pytest.mark.vectors(LIST)`` every case of that list, by its name."""
    for mark in metafunc.definition.iter_markers("vectors"):
        cases = VECTORS[mark.args[0]]
        metafunc.parametrize("case", cases, ids=[case["name"] for case in cases])


def pytest_configure(config: Any) -> None:
    """Name the mark."""
    config.addinivalue_line("markers", "vectors(list): one test for every case of that list")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give the real server with a loopback WhatsApp."""
    yield from start(tmp_path_factory.mktemp("world"))


@pytest.fixture(params=["sync", "async"])
def customer(world: World, request: pytest.FixtureRequest) -> Iterator[Customer]:
    """Give a new customer of the server's, once with each kind of client."""
    customer = world.customer(request.param)
    yield customer
    customer.close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """Give somewhere for webhooks to go."""
    yield from Endpoint().run()
