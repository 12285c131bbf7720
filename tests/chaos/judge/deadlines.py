"""P5: invitations that nobody answers expire, each once, none early."""

from typing import Any

from pymongo.database import Database

from tests.chaos.judge import Findings
from tests.chaos.witness import Witness

FLEETING = {"partner_id": {"$regex": "^fleeting-"}}


def outstanding(db: Database[dict[str, Any]]) -> int:
    """Those that are still open."""
    return db.partnerships.count_documents({**FLEETING, "state.status": "invited"})


def check(db: Database[dict[str, Any]], witness: Witness, findings: Findings) -> int:
    """Returns how many fired."""
    findings.add("deadlines", *(f"{subject}: expired twice" for subject in witness.doubled_expiries))
    for subject, expired_at in witness.expired_at.items():
        due_at = witness.expires_at.get(subject)
        if due_at is not None and expired_at < due_at:  # both in one format, in UTC
            findings.add("deadlines", f"{subject}: due at {due_at}, expired at {expired_at}")
    for found in db.partnerships.find({**FLEETING, "state.status": "invited"}, {"_id": 1}):
        findings.add("deadlines", f"{found['_id']}: never expired")
    missing = [subject for subject in witness.expires_at if subject not in witness.expired_at]
    findings.add("deadlines", *(f"{subject}: no InvitationExpired" for subject in missing))
    if not witness.expired_at:
        findings.add("deadlines", "no deadline came due: this run proves nothing about them")
    return len(witness.expired_at)
