"""Tokens: who has one has what it stands for."""

from __future__ import annotations

import secrets


def create_token() -> str:
    """Return 192 random bits for a cookie or an address."""
    return secrets.token_urlsafe(24)
