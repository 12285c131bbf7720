"""Whether a notice arrived (R29, R60): if not, it goes by a second channel, and then the platform is told."""

from typing import Literal

from contracts.base import to_milliseconds
from contracts.commands.binding import RecordNotificationOutcome
from contracts.events.notice import NoticeSent, NotificationOutcomeRecorded
from contracts.events.termination import DraftStage
from contracts.rejections import RejectionCode
from contracts.templates import TemplateName
from handlers.decision import Accepted, Decision, Rejected
from handlers.documents import Modification, Told, decider
from handlers.letters import CHANNEL, CONSOLE, LINK, SMS, again, to_platform
from handlers.scene import Scene
from handlers.states import Draft, Invited, PendingDecision, Reactivation, Stalled, Terminated
from handlers.tokens import INVITATIONS, secret_of

AGAIN = ":again"
STAGES: dict[TemplateName, DraftStage] = {
    "termination_blocked": "blocked",
    "termination_warnings": "unconfirmed",
    "termination_code_needed": "code_needed",
}
"""What a side's draft is while this holds."""
Next = Literal["nothing", "second_channel", "platform"]


def record_outcome(scene: Scene, command: RecordNotificationOutcome) -> Decision:
    """Of a notice that is still under way."""
    told = next((told for told in scene.partnership.notices if told.notice_id == command.notice_id), None)
    if told is None:
        return Rejected(RejectionCode.NOT_FOUND, {"notice_id": command.notice_id})
    # Where the platform was not reached there is nobody left to tell.
    if command.outcome == "delivered" or told.party == "platform" or not still_holds(scene, told):
        return Accepted((_recorded(scene, command, "nothing"),))
    channel = None if told.notice_id.endswith(AGAIN) else second_channel(scene, told)
    if channel is None:
        return Accepted((_recorded(scene, command, "platform"), _undeliverable(scene, told)))
    return Accepted((_recorded(scene, command, "second_channel"), _second(scene, told, channel)))


def still_holds(scene: Scene, told: Told) -> bool:  # noqa: PLR0911 - a table
    """Whether it may go out once more: not what asks for something that is over, nor a secret that is void."""
    partnership, template, said = scene.partnership, told.template, told.params
    state, draft = partnership.state, partnership.drafts.get(told.party) if told.party != "platform" else None
    if told.secret is not None and told.secret != secret_of(partnership, told.party, template):
        return False
    match template:
        case "invitation" | "invitation_reminder":
            return isinstance(state, Invited)
        case "verification_code":
            return draft is not None and draft.code is not None and scene.now < draft.code.expires_at
        case "termination_blocked" | "termination_warnings" | "termination_code_needed":
            return draft is not None and draft.stage == STAGES[template] and _still_said(draft, said)
        case "termination_stalled":
            case = (said["by"], said["category"], said["items"])
            return isinstance(state, Stalled) and case == (state.case.by, state.case.category, ", ".join(state.items))
        case "termination_decision_requested":
            return (
                isinstance(state, PendingDecision)
                and decider(state.case.by, scene.partner) == told.party
                and said["decide_by"] == to_milliseconds(state.decide_by)
            )
        case "final_bill_recorded" | "dispute_resolved":
            bill = partnership.bill
            amount = (said["amount"], said["currency"])
            return bill is not None and bill.state == "recorded" and (str(bill.amount), bill.currency) == amount
        case "modification_proposed" | "modification_countered":
            return _is(partnership.modification, said)
        case "reactivation_requested":
            return isinstance(state, Terminated) and _is(state.reactivation, said)
        case _:
            return True


def _still_said(draft: Draft, said: dict[str, str]) -> bool:
    """Whether the same stands in its way, and the same warnings are to be confirmed."""
    now = {"items": ", ".join(draft.items), "warning_version": draft.rules.warning_version}
    return all(said.get(name, text) == text for name, text in now.items())


def _is(open_one: Modification | Reactivation | None, said: dict[str, str]) -> bool:
    """Whether it is this one that was told of."""
    if open_one is None:
        return False
    return (open_one.by, to_milliseconds(open_one.answer_by)) == (said["by"], said["answer_by"])


def second_channel(scene: Scene, told: Told) -> str | None:
    """The way that is tried when the first has failed; None where there is no other one that reaches the party.

    An invitation goes by official channels only (R19). Nobody has a console before it has an account; of a partner no
    phone is known, and of a customer perhaps none.
    """
    policy = scene.policy
    preferred = policy.second_channels.get(told.channel, CHANNEL)
    invited = told.template in INVITATIONS
    ways = (preferred, SMS, CHANNEL) if invited else (preferred, CONSOLE, CHANNEL, SMS)
    shut = {told.channel}
    if invited:
        shut |= {way for way in ways if way not in policy.official_channels}
    if told.party == "customer" and scene.partnership.customer_id is None:
        shut |= {CONSOLE, LINK}
    if told.party == "partner" or not (invited or _has_phone(scene)):
        shut.add(SMS)
    return next((way for way in ways if way not in shut), None)


def _has_phone(scene: Scene) -> bool:
    """A registered one; until it is known who the company is, that of the offer."""
    if not scene.partnership.linked:
        return bool(scene.partnership.offer.phone)
    return scene.customer is not None and bool(scene.customer.registered_phone)


def _recorded(scene: Scene, command: RecordNotificationOutcome, followed_by: Next) -> NotificationOutcomeRecorded:
    return NotificationOutcomeRecorded(
        **scene.ids, notice_id=command.notice_id, outcome=command.outcome, followed_by=followed_by
    )


def _second(scene: Scene, told: Told, channel: str) -> NoticeSent:
    return again(scene.partner, scene.partnership, scene.customer, told, channel, f"{told.notice_id}{AGAIN}")


def _undeliverable(scene: Scene, told: Told) -> NoticeSent:
    params = {"notice_id": told.notice_id}
    return to_platform(scene.partner, scene.partnership, "notice_undeliverable", params, f"{scene.message.id}:platform")
