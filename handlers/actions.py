"""What a viewer can do with a card, and inside it (R116, R120, C9): the names of commands, besides looking at it."""

from contracts.terms import Initiator, Side
from handlers.documents import Partner, Partnership, decider, other_side
from handlers.policy import Policy
from handlers.states import Active, Ending, Invited, PendingDecision, Purged, Stalled, Suspended, Terminated

UPKEEP: dict[Side, tuple[str, ...]] = {
    "partner": ("ConfigurePermissions", "UpdateCustomerInfo", "AssignContacts"),
    "customer": ("ConfigurePermissions", "UpdateCustomerInfo", "RequestDataExport"),
}


def tile_actions(partnership: Partnership, partner: Partner, viewer: Initiator, policy: Policy) -> tuple[str, ...]:
    """R116: of what has ended, View and Delete only; everything else can also be found on the card (R120)."""
    if isinstance(partnership.state, Terminated):
        return policy.actions_of_ended
    return ("view", *case_actions(partnership, partner, viewer))


def case_actions(partnership: Partnership, partner: Partner, viewer: Initiator) -> tuple[str, ...]:
    """What can be done inside View now."""
    if viewer == "platform":
        return _of_platform(partnership, partner)
    state = partnership.state
    match state:
        case Invited():
            return (*_of_offer(state, viewer), *_of_modification(partnership, viewer))
        case Active() | Suspended():
            return (*_of_bond(partnership, viewer), *_of_draft(partnership, viewer))
        case Ending():
            return (*_of_bond(partnership, viewer), *_of_case(partnership, partner, state, viewer))
        case Terminated():
            export = ("RequestDataExport",) if viewer == "customer" else ()
            return (*_of_bill(partnership, viewer), *export, *_of_reactivation(state, viewer))
        case _:
            return ()


def _of_offer(state: Invited, viewer: Side) -> tuple[str, ...]:
    if viewer == state.by:
        return ("CancelInvitation", "ResendInvitation") if viewer == "partner" else ("CancelInvitation",)
    ready = state.stage in ("verified", "switch_prompted")
    return ("AcceptInvitation", "DeclineInvitation") if ready else ("DeclineInvitation",)


def _of_bond(partnership: Partnership, viewer: Side) -> tuple[str, ...]:
    """After a reactivation the former end's bill may be open still."""
    return (*UPKEEP[viewer], *_of_modification(partnership, viewer), *_of_bill(partnership, viewer))


def _of_modification(partnership: Partnership, viewer: Side) -> tuple[str, ...]:
    """R129: propose one, or answer the other side's."""
    open_one = partnership.modification
    if open_one is None:
        return ("ProposeModification",)
    return ("AnswerModification",) if open_one.by != viewer else ()


def _of_draft(partnership: Partnership, viewer: Side) -> tuple[str, ...]:
    draft = partnership.drafts.get(viewer)
    if draft is None:
        return ("CheckTermination", "RequestTermination")
    step = {
        "blocked": ("CheckTermination",),
        "unconfirmed": ("ConfirmTermination",),
        "code_needed": ("SendVerificationCode", "SubmitVerificationCode"),
    }[draft.stage]
    return (*step, "WithdrawTermination")


def _of_case(partnership: Partnership, partner: Partner, state: Ending, viewer: Side) -> tuple[str, ...]:
    """One's own case can be withdrawn; the other side's is decided, or answered by one's own request."""
    if state.case.by == viewer:
        return ("CheckTermination", "WithdrawTermination") if isinstance(state, Stalled) else ("WithdrawTermination",)
    if isinstance(state, PendingDecision) and state.case.by == other_side(viewer):
        decides = ("DecideTermination",) if decider(state.case.by, partner) == viewer or state.escalated else ()
        return (*decides, *_of_draft(partnership, viewer))
    return ("CheckTermination",)


def _of_bill(partnership: Partnership, viewer: Side) -> tuple[str, ...]:
    bill = partnership.bill
    open_one = viewer == "customer" and bill is not None and bill.state == "recorded"
    return ("ConfirmFinalBill", "DisputeFinalBill") if open_one else ()


def _of_reactivation(state: Terminated, viewer: Side) -> tuple[str, ...]:
    if state.reactivation is None:
        return ("RequestReactivation",)
    return ("AnswerReactivation",) if viewer in state.reactivation.awaiting else ()


def _of_platform(partnership: Partnership, partner: Partner) -> tuple[str, ...]:  # noqa: PLR0911 - a table
    state = partnership.state
    restore = ("RecordClosingStep",) if partnership.restore == "failed" else ()
    hold = "ReleaseLegalHold" if partnership.legal_hold else "PlaceLegalHold"
    match state:
        case Active():
            return ("SuspendPartnership", *restore, "RequestTermination", "WaiveBlock", hold)
        case Suspended():
            return ("ResumePartnership", *restore, "RequestTermination", "WaiveBlock", hold)
        case PendingDecision(escalated=True) | Stalled(escalated=True):
            return ("DecideTermination", "RequestTermination", "WaiveBlock", hold)
        case PendingDecision() if decider(state.case.by, partner) == "platform":
            return ("DecideTermination", "RequestTermination", "WaiveBlock", hold)
        case Ending():
            return ("RequestTermination", "WaiveBlock", hold)
        case Terminated():
            asked = state.reactivation is not None and "platform" in state.reactivation.awaiting
            steps = ("RecordClosingStep",) if state.open_steps else ()
            return (*steps, *(("AnswerReactivation",) if asked else ()), hold)
        case Purged():
            return ()
        case _:
            return (hold,)
