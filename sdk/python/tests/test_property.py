"""No change to a body or its signature is accepted."""

from __future__ import annotations

import random

from conftest import VECTORS

from pingr import PingrWebhookError, verify_webhook
from pingr._normalize import normalize


def test_the_fast_way_for_ascii_is_the_same_as_the_other() -> None:
    draw = random.Random(7)
    characters = [chr(code) for code in range(128)]
    for _ in range(20_000):
        text = "".join(draw.choices(characters, k=draw.randrange(12)))
        assert normalize(text) == normalize(text + "\u200b"), repr(text)


def mutate(rnd: random.Random, original: bytes) -> bytes:
    """Make one to three changes.

    A bit, a byte, letter case, a byte put in, bytes taken out, doubled or swapped, the end cut off.
    """
    b = bytearray(original)
    for _ in range(1 + int(rnd.random() * 3)):
        if len(b) < 2:
            break
        i, j = sorted((int(rnd.random() * len(b)), int(rnd.random() * len(b))))
        change, byte = int(rnd.random() * 8), int(rnd.random() * 256)
        if change == 0:
            b[i] ^= 1 << byte % 8
        elif change == 1:
            b[i] = byte
        elif change == 2:
            b[i] ^= 0x20
        elif change == 3:
            b.insert(i, byte)
        elif change == 4:
            del b[i : min(j + 1, i + 8)]
        elif change == 5:
            b[j:j] = b[i:j]
        elif change == 6:
            b[i], b[j] = b[j], b[i]
        else:
            del b[j:]
    return bytes(b)


def test_none_of_100_000_changed_bodies_and_signatures_is_accepted() -> None:
    case = next(c for c in VECTORS["verify"] if c["name"] == "a message")
    body, signature, secrets = case["body"].encode(), case["signature"].encode(), [*case["secrets"], "whsec_b2xk"]
    assert verify_webhook(body, signature.decode(), secrets, check_timestamp=False)["id"] == "evt_1"
    for seed in range(100_000):
        rnd = random.Random(seed)
        which = seed % 3
        changed_body = body if which == 1 else mutate(rnd, body)
        changed_signature = signature if which == 0 else mutate(rnd, signature)
        if changed_body == body and changed_signature == signature:
            continue  # changes that undo each other
        try:
            verify_webhook(changed_body, changed_signature.decode("latin-1"), secrets, check_timestamp=False)
        except PingrWebhookError:
            continue
        raise AssertionError(f"seed {seed}: accepted")
