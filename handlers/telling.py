"""Whether a notice arrived (R29, R60): if not, it goes by a second channel, and then the platform is told."""

from typing import Literal

from contracts.commands.binding import RecordNotificationOutcome
from contracts.events.notice import NoticeSent, NotificationOutcomeRecorded
from contracts.rejections import RejectionCode
from handlers.decision import Accepted, Decision, Rejected
from handlers.documents import Told
from handlers.letters import CHANNEL, CONSOLE, LINK, SMS, again, to_platform
from handlers.scene import Scene
from handlers.states import Invited, PendingDecision, Terminated
from handlers.tokens import INVITATIONS, secret_of

AGAIN = ":again"
OF_A_DRAFT = ("termination_blocked", "termination_warnings", "termination_code_needed")
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
    partnership, template = scene.partnership, told.template
    if told.secret is not None and told.secret != secret_of(partnership, told.party, template):
        return False
    draft = partnership.drafts.get(told.party) if told.party != "platform" else None
    match template:
        case "invitation" | "invitation_reminder":
            return isinstance(partnership.state, Invited)
        case "verification_code":
            return draft is not None and draft.code is not None and scene.now < draft.code.expires_at
        case "termination_decision_requested":
            return isinstance(partnership.state, PendingDecision)
        case "final_bill_recorded" | "dispute_resolved":
            bill = partnership.bill
            said = (told.params["amount"], told.params["currency"])
            return bill is not None and bill.state == "recorded" and (str(bill.amount), bill.currency) == said
        case "modification_proposed" | "modification_countered":
            return partnership.modification is not None
        case "reactivation_requested":
            return isinstance(partnership.state, Terminated) and partnership.state.reactivation is not None
        case _:
            return template not in OF_A_DRAFT or draft is not None


def second_channel(scene: Scene, told: Told) -> str | None:
    """The way that is tried when the first has failed; None where there is no other one.

    An invitation goes by official channels only (R19), and by no console before the company has an account. Of a
    partner no phone is known, and of a customer perhaps none.
    """
    policy, partnership = scene.policy, scene.partnership
    preferred = policy.second_channels.get(told.channel, CHANNEL)
    invited = told.template in INVITATIONS
    ways = [preferred, SMS, CHANNEL] if invited else [preferred, CONSOLE, CHANNEL]
    shut = {told.channel}
    if invited:
        shut |= {way for way in ways if way not in policy.official_channels}
        if partnership.customer_id is None:
            shut |= {CONSOLE, LINK}
    if told.party == "partner" or (not invited and not _has_phone(scene)):
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
