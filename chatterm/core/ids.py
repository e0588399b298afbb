"""Identities of conversations, turns and messages."""

from __future__ import annotations

import secrets

ID_LENGTH = 16


def new_id() -> str:
    """A fresh identity: 16 hexadecimal characters, 64 random bits."""
    return secrets.token_hex(ID_LENGTH // 2)
