"""The wheel and the sdist as they would be published, installed into an empty environment."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pingr

HERE = Path(__file__).parents[1]
USE = """
import importlib.metadata, importlib.resources, pingr
assert importlib.metadata.version("hey-pingr") == pingr.__version__ == "0.3.0"
assert importlib.metadata.requires("hey-pingr") == ["httpx>=0.25; extra == 'async'"]
assert importlib.resources.files("pingr").joinpath("py.typed").is_file()
print(",".join(pingr.__all__), pingr.extract_challenge_code("login x4", "login"), len(pingr.create_challenge_code()))
try:
    pingr.Pingr("pk_test_x", base_url="http://127.0.0.1:1").usage.get()
except pingr.PingrError as err:
    print(err.code)

async def without_httpx():
    client = pingr.AsyncPingr("pk_test_x")
    try:
        client.verify_webhook(b"", None, "")
    except pingr.PingrWebhookError:
        pass  # verifying needs no httpx
    try:
        await client.usage.get()
    except ImportError as err:
        print(err)

import asyncio
asyncio.run(without_httpx())
"""
USED = f"""{",".join(pingr.__all__)} X4 6
network_error
AsyncPingr needs httpx: pip install httpx
"""


def run(*args: object) -> str:
    """Run a command away from the sources."""
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, cwd=HERE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*args: object) -> str:
    return run(sys.executable, "-m", "pip", "--disable-pip-version-check", *args)


def test_the_client_that_waits_is_made_of_the_one_for_asyncio() -> None:
    sys.path.insert(0, str(HERE / "scripts"))
    from sync import PACKAGE, sync  # noqa: PLC0415

    for name in ("client.py", "resources.py"):
        made = (PACKAGE / "_sync" / name).read_text(encoding="utf-8")
        assert made == sync(name), "python scripts/sync.py writes it again"


def test_wheel_and_sdist_build_and_install_into_an_empty_environment(tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "-d", tmp_path / "dist")
    wheel = tmp_path / "dist" / "hey_pingr-0.3.0-py3-none-any.whl"
    sdist = tmp_path / "dist" / "hey_pingr-0.3.0.tar.gz"
    pip("wheel", "-q", "--no-index", "--no-deps", "--no-build-isolation", "-w", tmp_path / "again", sdist)
    again = tmp_path / "again" / wheel.name
    assert zipfile.ZipFile(wheel).namelist() == zipfile.ZipFile(again).namelist(), "both hold the same"

    empty = tmp_path / "empty"
    venv.create(empty, with_pip=False)
    python = empty / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    for package in (wheel, again):
        pip("--python", python, "install", "-q", "--no-index", "--force-reinstall", package)
        assert run(python, "-I", "-c", USE) == USED
