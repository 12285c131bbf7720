"""What becomes of the data: export, legal hold, and the purge with its redaction (R58, R96 to R98)."""

from contracts.commands.closing import PlaceLegalHold, RecordDataExport, ReleaseLegalHold, RequestDataExport
from contracts.events.closing import (
    DataExportRecorded,
    DataExportRequested,
    ExportLocation,
    LegalHoldPlaced,
    LegalHoldReleased,
    PersonalDataPurged,
)
from contracts.events.facts import CustomerStandingRecorded, ExtraRequestGranted
from contracts.events.invitation import IdentityVerified
from contracts.events.notice import NoticeSent
from contracts.events.partnership import Why
from contracts.message import Event, Party
from contracts.rejections import CommandAnswered, CommandRejected, RejectionCode
from handlers.decision import Accepted, Decision, Rejected
from handlers.guards import in_days, no_reason, not_allowed
from handlers.scene import Scene
from handlers.states import Active, Ending, Purged, Suspended, Terminated


def request_export(scene: Scene, command: RequestDataExport) -> Decision:
    """R97: as long as there is data; one export at a time."""
    state, export = scene.partnership.state, scene.partnership.export
    if not isinstance(state, Active | Suspended | Ending | Terminated):
        return not_allowed(scene.partnership)
    if isinstance(state, Terminated) and scene.now >= state.retained_until:
        return not_allowed(scene.partnership)
    if export is not None and export.state == "requested":
        return Rejected(RejectionCode.REQUEST_ALREADY_OPEN, {"number": export.number})
    number = export.number + 1 if export else 1
    answer_by = in_days(scene.now, scene.policy.completion_days)
    return Accepted((DataExportRequested(**scene.standing, number=number, what=command.what, answer_by=answer_by),))


def record_export(scene: Scene, command: RecordDataExport) -> Decision:
    """R97: the customer is told where it finds its data. The platform gives up what no system answers."""
    export = scene.partnership.export
    if command.actor.kind is Party.PLATFORM and command.outcome != "failed":
        return Rejected(RejectionCode.NOT_AUTHORIZED, {"parties": [Party.SYSTEM.value]})
    if export is None or export.state != "requested":
        return not_allowed(scene.partnership)
    recorded = DataExportRecorded(
        **scene.standing,
        number=export.number,
        outcome=command.outcome,
        private=ExportLocation(location=command.location),
    )
    return Accepted((recorded,))


def place_hold(scene: Scene, command: PlaceLegalHold) -> Decision:
    """In any status: what is not destroyed yet is kept."""
    if isinstance(scene.partnership.state, Purged):
        return not_allowed(scene.partnership)
    if scene.partnership.legal_hold:
        return Rejected(RejectionCode.LEGAL_HOLD, {"placed": True})
    if refusal := no_reason(command.reason):
        return refusal
    return Accepted((LegalHoldPlaced(**scene.standing, private=Why(reason=command.reason or "")),))


def release_hold(scene: Scene, command: ReleaseLegalHold) -> Decision:
    """A purge that was due meanwhile is due at once."""
    if not scene.partnership.legal_hold:
        return Rejected(RejectionCode.NO_OPEN_REQUEST, {"legal_hold": False})
    if refusal := no_reason(command.reason):
        return refusal
    return Accepted((LegalHoldReleased(**scene.standing, private=Why(reason=command.reason or "")),))


# ------------------------------------------------------------------------------------------------------------ the purge


def purged(scene: Scene) -> Decision:
    """R98: the time is over. A customer goes with its last partnership."""
    customer, linked = scene.customer, scene.partnership.linked
    gone = linked and customer is not None and customer.partnerships <= 1 and not customer.live and not customer.switch
    return Accepted((PersonalDataPurged(**scene.ids, was_linked=linked, customer_gone=gone),))


OF_THE_CUSTOMER = (IdentityVerified, CustomerStandingRecorded, ExtraRequestGranted)
"""What the customer's document is folded from: it is kept as long as the customer is."""


def redacted(event: Event, *, customer_gone: bool) -> Event:
    """The event without anything personal. The fold of redacted events is the purged document, so P4 still holds.

    One redaction serves every record of a journal entry. What the customer's own document needs goes with the
    customer; what is the partner's stays.
    """
    if isinstance(event, NoticeSent):
        return event.but(address="", params=dict.fromkeys(event.params, ""))
    if isinstance(event, CommandRejected | CommandAnswered):
        return event.but(details={})
    kept = event.SUBJECT == "partner" or (isinstance(event, OF_THE_CUSTOMER) and not customer_gone)
    if kept or event.__dict__.get("private") is None:
        return event
    return event.but(private=None)
