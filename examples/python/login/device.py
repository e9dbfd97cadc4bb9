"""Which browser asks, in words."""

from __future__ import annotations

BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "Mac",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def device(agent: str) -> str:
    """Say it, such as "Firefox on Linux", so that the person with the phone can tell whether it is theirs.

    It is never the header itself, in which a stranger could write to that person.
    """
    browser = next((word for mark, word in BROWSERS.items() if mark in agent), None)
    system = next((word for mark, word in SYSTEMS.items() if mark in agent), None)
    if browser and system:
        return f"{browser} on {system}"
    return browser or (f"a browser on {system}" if system else "an unknown browser")
