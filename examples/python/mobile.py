"""Log people in who are on their phone.

"login" to the linked number is answered by a link that logs in the browser that opens it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from login.link import Links
from login.site import Site, run

if TYPE_CHECKING:
    from login.webhook import Message


def set_up(site: Site) -> None:
    """Send a link to the phone that wrote: only who holds it can read that."""
    links = Links(site)

    def answer(message: Message) -> str | None:
        return None if message.suppressed else links.text(links.create(message.phone))

    site.on_message(answer)


if __name__ == "__main__":
    run("mobile", __doc__, set_up)
