"""The code that is sent by text message (R77)."""

from datetime import timedelta

from contracts.base import to_milliseconds
from contracts.commands.termination import SendVerificationCode, SubmitVerificationCode
from contracts.events.termination import VerificationCodeAccepted, VerificationCodeFailed, VerificationCodeSent
from contracts.rejections import RejectionCode
from contracts.terms import Side
from handlers.decision import Accepted, Decision, Rejected
from handlers.guards import not_allowed
from handlers.requesting import open_draft, side_of
from handlers.scene import Scene
from handlers.states import Active, Draft, Ending, Misses, Suspended
from handlers.submission import submit
from handlers.tokens import CODE, DIGITS


def send_code(scene: Scene, command: SendVerificationCode) -> Decision:
    """So many codes a draft, and none while it is locked."""
    found = _draft_that_needs_one(scene, command)
    if isinstance(found, Rejected):
        return found
    side, draft = found
    if refusal := _locked(scene, side):
        return refusal
    left = scene.policy.codes_max - draft.codes - 1
    if left < 0:
        return Rejected(RejectionCode.CODE_LOCKED, {"codes_max": scene.policy.codes_max, "use": "WithdrawTermination"})
    sent = VerificationCodeSent(
        **scene.standing,
        by=side,
        number=scene.partnership.codes + 1,
        codes_left=left,
        expires_at=scene.now + timedelta(minutes=scene.policy.code_minutes),
    )
    return Accepted((sent,))


def submit_code(scene: Scene, command: SubmitVerificationCode) -> Decision:  # noqa: PLR0911 - a line for each rule
    """The right code submits the request. A wrong one is counted: that is a change, and no refusal.

    Not to be tried: a dry run counts nothing, and would tell which code is right.
    """
    if command.dry_run:
        return Rejected(RejectionCode.NOT_AUTHORIZED, {"dry_run": False})
    found = _draft_that_needs_one(scene, command)
    if isinstance(found, Rejected):
        return found
    side, draft = found
    code = draft.code
    if refusal := _locked(scene, side):
        return refusal
    if code is None or scene.now >= code.expires_at:
        return Rejected(RejectionCode.CODE_EXPIRED, {"sent": code is not None})
    given = command.code.strip()
    if len(given) != DIGITS or not given.isdecimal():
        return Rejected(RejectionCode.CODE_WRONG, {"digits": DIGITS})
    if not scene.was_sent(given, CODE, code.number):
        return Accepted((_missed(scene, side),))
    submitted = submit(scene, side, draft)
    if isinstance(submitted, Rejected):
        return submitted
    return Accepted((VerificationCodeAccepted(**scene.standing, by=side), *submitted))


def _missed(scene: Scene, side: Side) -> VerificationCodeFailed:
    left = scene.policy.code_attempts - _misses(scene, side).number - 1
    until = scene.now + timedelta(minutes=scene.policy.code_lock_minutes)
    return VerificationCodeFailed(
        **scene.standing, by=side, attempts_left=max(0, left), locked_until=None if left > 0 else until
    )


def _draft_that_needs_one(
    scene: Scene, command: SendVerificationCode | SubmitVerificationCode
) -> tuple[Side, Draft] | Rejected:
    if not isinstance(scene.partnership.state, Active | Suspended | Ending):
        return not_allowed(scene.partnership)
    side = side_of(scene, command)
    if isinstance(side, Rejected):
        return side
    draft = open_draft(scene, side)
    if isinstance(draft, Rejected):
        return draft
    if draft.stage != "code_needed":
        version = draft.rules.warning_version
        return Rejected(RejectionCode.WARNINGS_NOT_CONFIRMED, {"warning_version": version, "stage": draft.stage})
    return side, draft


def _misses(scene: Scene, side: Side) -> Misses:
    return scene.partnership.misses.get(side, Misses())


def _locked(scene: Scene, side: Side) -> Rejected | None:
    until = _misses(scene, side).locked_until
    if until is None or scene.now >= until:
        return None
    return Rejected(RejectionCode.CODE_LOCKED, {"until": to_milliseconds(until)})
