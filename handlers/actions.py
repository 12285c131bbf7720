"""What a viewer can do with a card, and inside it (R116, R120, C9): the names of commands, besides looking at it."""

from contracts.terms import Initiator, Side, other_side
from handlers.documents import Partner, Partnership, decider
from handlers.policy import Policy
from handlers.requesting import answers
from handlers.states import (
    Active,
    Ending,
    InNotice,
    Invited,
    PendingDecision,
    Purged,
    Stalled,
    Suspended,
    Terminated,
    cases_of,
)

UPKEEP: dict[Side, tuple[str, ...]] = {
    "partner": ("ConfigurePermissions", "UpdateCustomerInfo", "AssignContacts"),
    "customer": ("ConfigurePermissions", "ChooseBilling", "UpdateCustomerInfo", "RequestDataExport"),
}


def tile_actions(partnership: Partnership, partner: Partner, viewer: Initiator, policy: Policy) -> tuple[str, ...]:
    """R116: of what has ended, View and Delete only; everything else can also be found on the card (R120)."""
    if isinstance(partnership.state, Terminated):
        return policy.actions_of_ended
    return ("view", *case_actions(partnership, partner, viewer, policy))


def case_actions(partnership: Partnership, partner: Partner, viewer: Initiator, policy: Policy) -> tuple[str, ...]:
    """What can be done inside View now."""
    if viewer == "platform":
        return _of_platform(partnership, partner)
    state = partnership.state
    match state:
        case Invited():
            return (*_of_offer(state, viewer), *_of_modification(partnership, partner, viewer))
        case Active() | Suspended():
            return (*_of_bond(partnership, partner, viewer), *_of_draft(partnership, viewer))
        case Ending():
            return (*_of_bond(partnership, partner, viewer), *_of_case(partnership, partner, state, viewer, policy))
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


def _of_bond(partnership: Partnership, partner: Partner, viewer: Side) -> tuple[str, ...]:
    """After a reactivation the former end's bill may be open still."""
    return (*UPKEEP[viewer], *_of_modification(partnership, partner, viewer), *_of_bill(partnership, viewer))


def _of_modification(partnership: Partnership, partner: Partner, viewer: Initiator) -> tuple[str, ...]:
    """R129: propose one, or answer the other side's; the platform, where that is a partner that is closed."""
    open_one = partnership.modification
    if open_one is None:
        return ("ProposeModification",) if viewer != "platform" else ()
    return ("AnswerModification",) if decider(open_one.by, partner) == viewer else ()


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


def _of_case(
    partnership: Partnership, partner: Partner, state: Ending, viewer: Side, policy: Policy
) -> tuple[str, ...]:
    """One's own case can be withdrawn; the other side's is decided, or answered by one's own request."""
    if any(case.by == viewer for case in cases_of(state)):
        return ("CheckTermination", "WithdrawTermination") if isinstance(state, Stalled) else ("WithdrawTermination",)
    agreed = policy.with_agreement(partner.agreement.overrides)
    if isinstance(state, InNotice) and answers(state, viewer, agreed, partnership.model):
        return _of_draft(partnership, viewer)
    if isinstance(state, PendingDecision) and state.case.by == other_side(viewer):
        decides = ("DecideTermination",) if decider(state.case.by, partner) == viewer else ()
        return (*decides, *_of_draft(partnership, viewer))
    # A draft of before can only be given up.
    return ("CheckTermination", "WithdrawTermination") if viewer in partnership.drafts else ("CheckTermination",)


def _of_bill(partnership: Partnership, viewer: Side) -> tuple[str, ...]:
    bill = partnership.bill
    open_one = viewer == "customer" and bill is not None and bill.state == "recorded"
    return ("ConfirmFinalBill", "DisputeFinalBill") if open_one else ()


def _of_reactivation(state: Terminated, viewer: Side) -> tuple[str, ...]:
    if state.reactivation is None:
        return ("RequestReactivation",)
    # Who asked may take it back.
    return ("AnswerReactivation",) if viewer in (state.reactivation.by, *state.reactivation.awaiting) else ()


def _of_platform(partnership: Partnership, partner: Partner) -> tuple[str, ...]:
    state = partnership.state
    hold = () if isinstance(state, Purged) else ("ReleaseLegalHold" if partnership.legal_hold else "PlaceLegalHold",)
    if isinstance(state, Terminated):
        asked = state.reactivation is not None and "platform" in state.reactivation.awaiting
        steps = ("RecordClosingStep",) if state.open_steps else ()
        return (*steps, *_given_up(partnership), *(("AnswerReactivation",) if asked else ()), *hold)
    if not isinstance(state, Active | Suspended | Ending):
        return (*(_of_modification(partnership, partner, "platform") if isinstance(state, Invited) else ()), *hold)
    return (
        *_of_status(state, partner),
        *_of_modification(partnership, partner, "platform"),
        *_undone(partnership),
        *_given_up(partnership),
        "RequestTermination",
        "WaiveBlock",
        *hold,
    )


def _of_status(state: Active | Suspended | Ending, partner: Partner) -> tuple[str, ...]:
    match state:
        case Active():
            return ("SuspendPartnership",)
        case Suspended():
            return ("ResumePartnership",)
        case PendingDecision(escalated=True):
            return ("DecideTermination",)
        case Stalled():
            decide = ("DecideTermination",) if state.escalated else ()
            return (*decide, *(("WithdrawTermination",) if state.case.by == "platform" else ()))
        case PendingDecision() if decider(state.case.by, partner) == "platform":
            return ("DecideTermination",)
        case _:
            return ()


def _undone(partnership: Partnership) -> tuple[str, ...]:
    """Of a former end: data that is not there again, a bill that nobody has made or confirmed."""
    bill = partnership.bill
    undone = partnership.restore in ("requested", "failed") or (
        bill is not None and bill.state in ("requested", "recorded")
    )
    return ("RecordClosingStep",) if undone else ()


def _given_up(partnership: Partnership) -> tuple[str, ...]:
    """An export that nobody makes."""
    export = partnership.export
    return ("RecordDataExport",) if export is not None and export.state == "requested" else ()
