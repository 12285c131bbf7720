"""Secrets that a person is sent (R17, R77): HMACs, kept nowhere. A document has the number under which one was sent."""

import hashlib

from contracts.templates import TemplateName
from contracts.terms import Initiator
from handlers.documents import Partnership
from handlers.states import Invited

CODE = "code"
INVITATION = "invitation"

DIGITS = 6


INVITATIONS: tuple[TemplateName, ...] = ("invitation", "invitation_reminder")


def secret_of(partnership: Partnership, party: Initiator, template: TemplateName) -> int | None:
    """The number of the link or code that a notice to this party carries now; None where it carries none."""
    if template in INVITATIONS:
        return partnership.state.links if isinstance(partnership.state, Invited) else None
    draft = partnership.drafts.get(party) if template == "verification_code" and party != "platform" else None
    return draft.code.number if draft and draft.code else None


def shown(purpose: str, token: str) -> str:
    """A secret as a person gets it: six digits of a code, all of a link's token."""
    if purpose != CODE:
        return token
    number = int.from_bytes(hashlib.sha256(token.encode()).digest()[:8])
    return f"{number % 10**DIGITS:0{DIGITS}}"
