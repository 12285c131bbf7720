"""Whether a notice arrived (R29, R60): if not, it goes by the second channel, and then the platform is told."""

from typing import Literal

from contracts.commands.binding import RecordNotificationOutcome
from contracts.events.notice import NoticeSent, NotificationOutcomeRecorded
from contracts.rejections import RejectionCode
from handlers.decision import Accepted, Decision, Rejected
from handlers.documents import Told
from handlers.letters import CHANNEL, again, to_platform
from handlers.policy import Policy
from handlers.scene import Scene

AGAIN = ":again"
Next = Literal["nothing", "second_channel", "platform"]


def record_outcome(scene: Scene, command: RecordNotificationOutcome) -> Decision:
    """Of a notice that is still under way."""
    told = next((told for told in scene.partnership.notices if told.notice_id == command.notice_id), None)
    if told is None:
        return Rejected(RejectionCode.NOT_FOUND, {"notice_id": command.notice_id})
    if command.outcome == "delivered":
        return Accepted((_recorded(scene, command, "nothing"),))
    if told.party == "platform":
        return Accepted((_recorded(scene, command, "nothing"),))  # there is nobody left to tell
    if told.notice_id.endswith(AGAIN):
        return Accepted((_recorded(scene, command, "platform"), _undeliverable(scene, told)))
    return Accepted((_recorded(scene, command, "second_channel"), _second(scene, told)))


def _recorded(scene: Scene, command: RecordNotificationOutcome, followed_by: Next) -> NotificationOutcomeRecorded:
    return NotificationOutcomeRecorded(
        **scene.ids, notice_id=command.notice_id, outcome=command.outcome, followed_by=followed_by
    )


def _second(scene: Scene, told: Told) -> NoticeSent:
    channel = second_channel(told.channel, scene.policy)
    return again(scene.partner, scene.partnership, scene.customer, told, channel, f"{told.notice_id}{AGAIN}")


def second_channel(channel: str, policy: Policy) -> str:
    """The way that is tried when the first has failed."""
    return policy.second_channels.get(channel, CHANNEL)


def _undeliverable(scene: Scene, told: Told) -> NoticeSent:
    params = {"notice_id": told.notice_id}
    return to_platform(scene.partner, scene.partnership, "notice_undeliverable", params, f"{scene.message.id}:platform")
