"""Make the client that waits of the one for asyncio: ``python scripts/sync.py`` writes src/pingr/_sync again."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "pingr"
WORDS = [
    (r"\n    Use it as a context manager, or call ``aclose``\..*?\n\n", "THREADS"),
    (r"\bAsyncGenerator\[(.+), None\]", r"Generator[\1, None, None]"),
    (r"\basync (def|for|with)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAsync(?=[A-Z])", ""),
    (r"__a(enter|exit)__", r"__\1__"),
    (r"\baclose\b", "close"),
    (
        "THREADS",
        "\n    Use it as a context manager, or call ``close``. Threads may share it, and processes after a fork.\n\n",
    ),
]
HEADER = "# Made by scripts/sync.py of pingr/_async/{name}; change that one.\n"


def sync(name: str) -> str:
    """Return what _sync/NAME must be."""
    text = (PACKAGE / "_async" / name).read_text(encoding="utf-8")
    for pattern, word in WORDS:
        text = re.sub(pattern, word, text, flags=re.DOTALL)
    format_it = [sys.executable, "-m", "ruff", "format", "--stdin-filename", name, "-"]
    done = subprocess.run(format_it, input=HEADER.format(name=name) + text, capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    for name in ("client.py", "resources.py"):
        (PACKAGE / "_sync" / name).write_text(sync(name), encoding="utf-8")
