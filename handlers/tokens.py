"""Secrets that a person is sent (R17, R77): HMACs, kept nowhere. A document has the number under which one was sent."""

import hashlib

CODE = "code"
INVITATION = "invitation"

DIGITS = 6


def shown(purpose: str, token: str) -> str:
    """A secret as a person gets it: six digits of a code, all of a link's token."""
    if purpose != CODE:
        return token
    number = int.from_bytes(hashlib.sha256(token.encode()).digest()[:8])
    return f"{number % 10**DIGITS:0{DIGITS}}"
