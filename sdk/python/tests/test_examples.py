"""What the login examples of examples/python share. The flows themselves are attacked by ``make sec-login``."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from world import REPOSITORY, until

EXAMPLES = REPOSITORY / "examples" / "python"
sys.path.insert(0, str(EXAMPLES))

from login.device import device  # noqa: E402
from login.options import parse  # noqa: E402
from login.site import HEADERS, Site  # noqa: E402
from login.state import Change, Memory, Redis, State  # noqa: E402
from login.webhook import says_no  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """Run a Redis of its own on a free port."""
    if shutil.which("redis-server") is None:
        pytest.skip("needs redis-server")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(listens, "redis-server")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(params=["memory", "redis"])
def state(request: pytest.FixtureRequest) -> State:
    if request.param == "memory":
        return Memory()
    state = Redis(request.getfixturevalue("redis_url"))
    state._client.flushall()  # noqa: SLF001 - of this test alone
    return state


def test_a_value_is_got_and_taken_once(state: State) -> None:
    assert state.get("k") is None
    assert state.take("k") is None
    state.set("k", "Grüße", 60)
    assert state.get("k") == state.get("k") == "Grüße"
    assert state.take("k") == "Grüße"
    assert state.get("k") is None


def test_only_the_first_is_added(state: State) -> None:
    assert state.add("k", "1", 60)
    assert not state.add("k", "2", 60)
    assert state.get("k") == "1"


def test_a_value_is_swapped_only_while_it_is_the_old_one(state: State) -> None:
    assert not state.swap("k", "", "1")
    state.set("k", "1", 60)
    assert not state.swap("k", "0", "2")
    assert state.swap("k", "1", "2")
    assert state.get("k") == "2"


def test_all_changes_are_made_or_none(state: State) -> None:
    state.set("here", "1", 60)
    new = Change("new", "", "x", 60)
    assert not state.commit(new, Change("here", "2", "3")), "another value"
    assert not state.commit(new, Change("gone", "1", "2", 60)), "no value"
    assert not state.commit(new, Change("here", "", "3", 60)), "a value where none should be"
    assert (state.get("here"), state.get("new")) == ("1", None)
    assert state.commit(new, Change("here", "1", "2"), Change("none", "", ""))
    assert (state.get("here"), state.get("new")) == ("2", "x")
    assert state.commit(Change("here", "2", ""), Change("new", "x", ""))
    assert (state.get("here"), state.get("new")) == (None, None)


def test_counting_goes_on_until_the_first_is_over(state: State) -> None:
    assert [state.count("k", 60) for _ in range(3)] == [1, 2, 3]
    assert state.get("k") == "3"
    assert state.count("short", 0.05) == 1
    until(lambda: state.get("short") is None, "the end of the count", 5)
    assert state.count("short", 60) == 1


def test_everything_has_an_end_which_a_swap_does_not_move(state: State) -> None:
    life = 0.1
    while True:
        swapped, added, short, long, new = (f"{name} {life}" for name in ("swapped", "added", "short", "long", "new"))
        began = time.monotonic()
        state.set(swapped, "1", life)
        state.set(short, "1", life)
        state.set(long, "1", life)
        done = (
            state.add(added, "1", life),
            state.swap(swapped, "1", "2"),
            state.commit(Change(short, "1", "2"), Change(long, "1", "2", 60), Change(new, "", "1", life)),
        )
        if time.monotonic() - began < life:
            break
        life *= 2  # on a busy machine the lives may have ended before
    assert done == (True, True, True)
    until(lambda: state.get(short) is None and state.get(new) is None, "the ends of what was committed", life + 5)
    assert state.get(long) == "2"
    until(lambda: state.get(swapped) is None and state.get(added) is None, "their ends", life + 5)
    assert state.add(added, "2", 60)


@pytest.mark.parametrize("what", ["take", "add", "swap", "commit", "count"])
def test_of_many_at_once_one_wins(state: State, what: str) -> None:
    if what in ("take", "swap", "commit"):
        state.set("k", "0", 60)
    tries: dict[str, Any] = {
        "take": lambda: state.take("k") is not None,
        "add": lambda: state.add("k", "1", 60),
        "swap": lambda: state.swap("k", "0", "1"),
        "commit": lambda: state.commit(Change("claim", "", "1", 60), Change("k", "0", "1")),
        "count": lambda: state.count("k", 60) == 1,
    }
    won: list[bool] = []
    start = threading.Barrier(16)

    def race() -> None:
        start.wait()
        won.append(tries[what]())

    threads = [threading.Thread(target=race) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won.count(True) == 1


def test_what_strangers_cause_does_not_pile_up_in_memory() -> None:
    now = [0.0]
    memory = Memory(lambda: now[0])
    for n in range(10_000):
        memory.set(f"starts:{n}", "1", 60)
        now[0] += 0.1
    assert len(memory._held) < 700  # noqa: SLF001 - nobody else sees it


@pytest.mark.parametrize(
    ("agent", "want"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Firefox/140.0", "Firefox"),
        ("Linux", "a browser on Linux"),
        ("Send me the digits, https://attacker.example", "an unknown browser"),
        ("", "an unknown browser"),
    ],
)
def test_a_device_is_named_and_never_quoted(agent: str, want: str) -> None:
    assert device(agent) == want


@pytest.mark.parametrize(
    "text",
    ["no", "NO.", "No!", "  no", "*no*", "_No_", "“no”", "'NO'", "no 🚫", "NO🚫\ufe0f", "no, that was not me",
     "No.It was not me", "no\nwho is this?", "\uff2e\uff2f", "n\u200bo", "login no", "login: NO.", "¿no?", "NO-NO",
     "> no"],
)  # fmt: skip
def test_a_text_that_begins_with_the_word_no_says_no(text: str) -> None:
    assert says_no(text)


@pytest.mark.parametrize(
    "text",
    ["", "nova", "nope", "not me", "no1", "nó", "n o", "yes, no", "1 no", "login", "login nova", "logins no",
     "login X4K9MQ7T no", "🚫"],
)  # fmt: skip
def test_a_text_with_another_word_does_not(text: str) -> None:
    assert not says_no(text)


def test_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINGR_WEBHOOK_SECRET", "whsec_x")
    given = parse(None, ["--listen", "[::1]:0", "--origin", "https://shop.example/", "--code-ttl", "7"])
    assert (given.host, given.port, given.origin, given.code_life) == ("::1", 0, "https://shop.example", 7)
    defaults = parse(None, [])
    assert (defaults.host, defaults.port, defaults.number, defaults.site) == (
        "127.0.0.1",
        8090,
        "15550100",
        "Example Shop",
    )
    assert (defaults.code_life, defaults.link_life, defaults.block_life, defaults.redis) == (300, 300, 3600, None)


@pytest.mark.parametrize(
    "wrong",
    [["--listen", "8090"], ["--origin", "shop.example"], ["--origin", "https://shop.example/login"], ["--number", "+1"],
     ["--code-ttl", "0"], ["--link-ttl", "-1"], ["--block-ttl", "x"], ["more"]],
    ids=" ".join,
)  # fmt: skip
def test_wrong_options_end_with_2(wrong: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("PINGR_WEBHOOK_SECRET", "whsec_x")
    with pytest.raises(SystemExit) as ended:
        parse(None, wrong)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_without_a_secret_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PINGR_WEBHOOK_SECRET", raising=False)
    with pytest.raises(SystemExit) as ended:
        parse(None, [])
    assert ended.value.code == 2


def test_a_fault_shows_and_logs_neither_token_nor_phone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PINGR_WEBHOOK_SECRET", "whsec_x")
    site = Site("mobile", parse(None, ["--origin", "https://shop.example"]), Memory())

    @site.app.get("/in/<token>")
    def fail(token: str) -> str:
        raise RuntimeError(f"{token} is 919876543210's")

    answer = site.app.test_client().get("/in/secret-token")
    assert (answer.status_code, answer.text) == (500, "something went wrong; try again")
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "RuntimeError" in caplog.text
    assert "secret-token" not in caplog.text
    assert "9198" not in caplog.text


@pytest.mark.parametrize("flow", ["mobile", "preentry", "desktop"])
def test_a_program_says_where_it_listens_and_ends_when_told_to(flow: str) -> None:
    program = subprocess.Popen(
        [sys.executable, EXAMPLES / f"{flow}.py", "--listen", "127.0.0.1:0"],
        env={"PINGR_WEBHOOK_SECRET": "whsec_x", "PYTHONPATH": str(REPOSITORY / "sdk" / "python" / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout
    said = program.stdout.readline()
    began = time.monotonic()
    program.send_signal(signal.SIGTERM)
    rest, complaints = program.communicate(timeout=10)
    assert said.startswith("listening on http://127.0.0.1:")
    assert (rest, program.returncode) == ("", 0), complaints
    assert time.monotonic() - began < 5
