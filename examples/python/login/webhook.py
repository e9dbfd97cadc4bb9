"""Messages, out of verified events."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

from pingr import extract_challenge_code

if TYPE_CHECKING:
    from pingr import Event, MessageReceived

    from .state import State

# Longer than Pingr repeats an event.
EVENT_LIFE = 48 * 60 * 60


@dataclass(frozen=True)
class Message:
    """What somebody wrote, as a flow needs it."""

    event: str  # its id, the same if it comes again
    phone: str
    code: str | None  # what follows the word login, in capitals
    no: bool  # whether it says NO
    forwarded: bool  # from another chat
    suppressed: bool  # nobody will see the answer
    reason: str  # why: cooldown, quota or answered
    retry_after: int  # in how many seconds a cooldown ends


class Webhook:
    """Answers events, the same one always alike."""

    def __init__(self, state: State, answer: Callable[[Message], str | None]) -> None:
        """Take what answers messages."""
        self._state, self._answer = state, answer

    def on_event(self, event: Event) -> str | None:
        """Return the reply."""
        if event["event"] != "message.received":
            return None
        if not event.get("id"):  # of another Pingr; two of them are not the same event
            return self._decide(event)
        auto_reply = event.get("auto_reply", {})
        if auto_reply.get("status") == "suppressed" and "reason" in auto_reply:
            # If we answered an earlier attempt, that answer was lost.
            self._state.set(lost_key(event["id"]), auto_reply["reason"], EVENT_LIFE)
        key = "login:event:" + event["id"]
        body = self._state.get(key)
        if body is None:
            reply = self._decide(event)
            body = json.dumps({"reply": reply} if reply else {})
            if not self._state.add(key, body, EVENT_LIFE):  # the same event came twice at once
                body = self._state.get(key) or "{}"
        said: dict[str, str] = json.loads(body)
        return said.get("reply")

    def _decide(self, event: MessageReceived) -> str | None:
        """Refuse what no flow takes."""
        if event.get("_simulated"):
            return "Simulated: nobody is logged in."
        if event["from"]["is_group"]:
            return "Please message me directly, not in a group. Nobody else should see your login."
        phone = event["from"]["phone"]
        if not phone:  # hidden; all who hide theirs are not one person
            return "This site knows people by their number, and WhatsApp hides yours."
        text = event["message"]["text"]
        reply = event.get("auto_reply", {})
        return self._answer(
            Message(
                event=event.get("id", ""),
                phone=phone,
                code=extract_challenge_code(text, "login"),
                no=says_no(text) or event.get("trigger", {}).get("phrase") == "no",
                forwarded=bool(event["message"].get("forwarded")),
                suppressed=reply.get("status") == "suppressed",
                reason=reply.get("reason", ""),
                retry_after=reply.get("retry_after", 0),
            )
        )


def lost_key(event: str) -> str:
    """Return where the state keeps why the answer to an event is not used."""
    return "login:lost:" + event


def says_no(text: str) -> bool:
    """Return whether the word no is what a text begins with, or what follows login.

    It is in NO, "No!", *no* and "no, that was not me", but not in "nova".
    """
    words = "".join(map(_of_word, unicodedata.normalize("NFKC", text))).lower().split()
    return words[:1] == ["no"] or words[:2] == ["login", "no"]


def _of_word(character: str) -> str:
    """Return a character of a word, nothing for an invisible one, and a space for others."""
    kind = unicodedata.category(character)
    if kind == "Cf" or "\ufe00" <= character <= "\ufe0f":
        return ""
    return character if kind[0] in "LMN" else " "
