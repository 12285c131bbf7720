"""What the events of a partnership's end make of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from contracts.blocks import BlockItem
from contracts.events.checking import TerminationChecked
from contracts.events.partnership import Why
from contracts.events.termination import (
    AgreementExpired,
    BlockWaived,
    PartnershipTerminated,
    Plans,
    TerminationApproved,
    TerminationConfirmed,
    TerminationDecisionRequested,
    TerminationDetails,
    TerminationDraftChecked,
    TerminationDraftDiscarded,
    TerminationDrafted,
    TerminationEscalated,
    TerminationRechecked,
    TerminationRejected,
    TerminationStalled,
    TerminationSubmitted,
    TerminationWithdrawn,
    VerificationCodeAccepted,
    VerificationCodeFailed,
    VerificationCodeSent,
)
from contracts.message import Event
from contracts.steps import StepName, StepState
from contracts.terms import Side, other_side
from handlers.blocks import is_checked
from handlers.documents import Partnership
from handlers.folds_of_bond import living
from handlers.folds_of_offer import Fields, no_change, state_of
from handlers.states import (
    Code,
    Draft,
    Ending,
    InNotice,
    Misses,
    PendingDecision,
    Stalled,
    Suspended,
    Terminated,
    TerminationCase,
    both_ask,
    cases_of,
    request_of,
    without,
)

# ------------------------------------------------------------------------------------------------------------ the draft


def _drafted(partnership: Partnership, event: TerminationDrafted, _: datetime) -> Fields:
    draft = Draft(
        stage=event.draft_stage,
        category=event.category,
        details=event.private or TerminationDetails(),
        items=event.items,
        end_at=event.end_at,
        lapses_at=event.lapses_at,
        rules=event.rules,
    )
    return {"drafts": partnership.drafts | {event.by: draft}}


def _draft(partnership: Partnership, side: Side, **changes: Any) -> Fields:
    return {"drafts": partnership.drafts | {side: partnership.drafts[side].but(**changes)}}


def _without(partnership: Partnership, side: Side) -> dict[Side, Draft]:
    return {of: draft for of, draft in partnership.drafts.items() if of != side}


def _draft_checked(partnership: Partnership, event: TerminationDraftChecked, _: datetime) -> Fields:
    added = {name: value for name, value in (event.private or Plans()).__dict__.items() if value}
    details = partnership.drafts[event.by].details.but(**added)
    return _draft(partnership, event.by, stage=event.draft_stage, items=event.items, details=details)


def _confirmed(partnership: Partnership, event: TerminationConfirmed, _: datetime) -> Fields:
    return _draft(
        partnership,
        event.by,
        stage=event.draft_stage,
        checklist=event.checklist,
        billing_mode=event.billing_mode,
    )


def _code_sent(partnership: Partnership, event: VerificationCodeSent, _: datetime) -> Fields:
    draft = partnership.drafts[event.by]
    code = Code(number=event.number, expires_at=event.expires_at)
    return _draft(partnership, event.by, codes=draft.codes + 1, code=code) | {"codes": event.number}


def _code_failed(partnership: Partnership, event: VerificationCodeFailed, _: datetime) -> Fields:
    """After the lock one begins anew."""
    number = 0 if event.locked_until else partnership.misses.get(event.by, Misses()).number + 1
    return {"misses": partnership.misses | {event.by: Misses(number=number, locked_until=event.locked_until)}}


def _code_accepted(partnership: Partnership, event: VerificationCodeAccepted, _: datetime) -> Fields:
    return {"misses": {side: misses for side, misses in partnership.misses.items() if side != event.by}}


def _discarded(partnership: Partnership, event: TerminationDraftDiscarded, _: datetime) -> Fields:
    """What was waived was waived for this one; unless there is another one that it may have been meant for."""
    left = _without(partnership, event.by)
    state = partnership.state
    cases = cases_of(state) if isinstance(state, Ending) else ()
    return {"drafts": left, "waived": _still_waived(partnership, left, *cases)}


def _still_waived(
    partnership: Partnership, drafts: dict[Side, Draft], *cases: TerminationCase
) -> tuple[BlockItem, ...]:
    """What is left stands before these checks; what is waived of others was for what is gone."""
    rules = [case.rules for case in cases] + [draft.rules for draft in drafts.values()]
    return tuple(item for item in partnership.waived if any(is_checked(item, one) for one in rules))


# ------------------------------------------------------------------------------------------------------------- the case


def _submitted(partnership: Partnership, event: TerminationSubmitted, at: datetime) -> Fields:
    draft = partnership.drafts[event.by]
    case = TerminationCase(
        by=event.by,
        category=event.category,
        submitted_at=at,
        counted=event.counted,
        extra_used=event.extra_used,
        ends_at=event.ends_at,
        billing_mode=event.billing_mode,
        details=draft.details,
        rules=draft.rules,
    )
    state = PendingDecision(case=case, decide_by=event.decide_by, before=living(partnership.state))
    return {"state": state, "drafts": _without(partnership, event.by)}


def _asked(partnership: Partnership, event: TerminationDecisionRequested, _: datetime) -> Fields:
    return {"state": state_of(partnership, PendingDecision).but(decide_by=event.decide_by)}


def _escalated(partnership: Partnership, _: TerminationEscalated, __: datetime) -> Fields:
    return {"state": state_of(partnership, PendingDecision, Stalled).but(escalated=True)}


def _approved(partnership: Partnership, event: TerminationApproved, at: datetime) -> Fields:
    """The end is certain, or certain for an earlier date: there is nothing left to ask for, if that is new."""
    state = partnership.state
    if not isinstance(state, PendingDecision | InNotice):
        raise ValueError(f"this cannot happen to a partnership that is {state.status}")  # noqa: TRY004
    case = state.case.but(billing_mode=event.billing_mode)
    if event.second_ends_at is not None and case.by != "platform":
        side = other_side(case.by)
        own = request_of(partnership.drafts[side], side, at, event.second_ends_at, event.billing_mode)
        case = both_ask(case, own)
    drafts = partnership.drafts if event.basis == "goes_on" else {}
    ending = InNotice(case=case, before=state.before)
    return {"state": ending, "drafts": drafts, "waived": _still_waived(partnership, drafts, *cases_of(ending))}


def _back(partnership: Partnership, event: TerminationRejected | TerminationWithdrawn, at: datetime) -> Fields:
    """What was waived stays for what goes on: a side's own request, or a draft. It may have been meant for that."""
    state = partnership.state
    if isinstance(state, Stalled) and state.own is not None:
        left = without(state.own, event.by, at)
        if isinstance(left, InNotice):
            case = state.case.but(billing_mode=None) if event.by == "customer" else state.case
            return _left(partnership, state.but(own=left, case=case))
        if event.by == state.own.case.by:
            return _left(partnership, state.but(own=None, case=state.case.but(billing_mode=None)))
        return _left(partnership, state.own.but(before=state.before))
    left = without(state, event.by, at) if isinstance(state, Ending) and event.status == "ending" else None
    if left is not None:
        return _left(partnership, left)
    return {"state": living(state), "waived": _still_waived(partnership, partnership.drafts)}


def _left(partnership: Partnership, state: PendingDecision | InNotice | Stalled) -> Fields:
    return {"state": state, "waived": _still_waived(partnership, partnership.drafts, *cases_of(state))}


def _stalled(partnership: Partnership, event: TerminationStalled, at: datetime) -> Fields:
    """By an agreement that is over there may be a case that nobody had asked for."""
    state, overtaken = partnership.state, False
    if isinstance(state, Ending):
        case = state.case.but(by=event.by, category=event.category, ends_at=at, rules=event.rules)
        overtaken = event.by != state.case.by and isinstance(state, PendingDecision | InNotice)
        if overtaken:  # another case, of which nobody has asked: only whom the customer wants to be billed by goes on
            nobodys = {"counted": False, "extra_used": False, "second": None}
            case = case.but(submitted_at=at, details=TerminationDetails(), **nobodys)
    else:
        case = TerminationCase(
            by=event.by,
            category=event.category,
            submitted_at=at,
            counted=False,
            ends_at=at,
            details=TerminationDetails(),
            rules=event.rules,
        )
    stalled = Stalled(
        case=case,
        before=living(state),
        items=event.items,
        recheck_at=event.recheck_at,
        escalate_at=event.escalate_at,
        own=state if overtaken and isinstance(state, PendingDecision | InNotice) else None,
    )
    return {"state": stalled}


def _rechecked(partnership: Partnership, event: TerminationRechecked, _: datetime) -> Fields:
    return {"state": state_of(partnership, Stalled).but(items=event.items, recheck_at=event.recheck_at)}


def _agreement_expired(_: Partnership, __: AgreementExpired, ___: datetime) -> Fields:
    return {"agreement_ends_at": None}


def _waived(partnership: Partnership, event: BlockWaived, _: datetime) -> Fields:
    return {"waived": (*partnership.waived, event.item)}


def _terminated(partnership: Partnership, event: PartnershipTerminated, at: datetime) -> Fields:
    steps: dict[StepName, StepState] = dict.fromkeys(event.steps, "requested")
    bond = living(partnership.state)
    state = Terminated(
        by=event.by,
        category=event.category,
        reason=(event.private or Why()).reason,
        billing_mode=event.billing_mode,
        bound_at=bond.bound_at,
        ended_at=at,
        was_suspended=isinstance(bond, Suspended),
        rules=event.rules,
        steps=steps,
        complete_by=event.complete_by,
        retained_until=event.retained_until,
    )
    hidden = (*partnership.hidden_by, *(side for side in event.hidden_from if side not in partnership.hidden_by))
    return {
        "state": state,
        "hidden_by": hidden,
        "drafts": {},
        "waived": (),
        "modification": None,
        "restore": None,
        "billing_choice": None,
        "answers_due": {name: at for name, at in partnership.answers_due.items() if name == "export"},
        "agreement_ends_at": None,
    }


FOLDS_OF_END: dict[type[Event], Callable[[Partnership, Any, datetime], Fields]] = {
    TerminationChecked: no_change,
    TerminationDrafted: _drafted,
    TerminationDraftChecked: _draft_checked,
    TerminationConfirmed: _confirmed,
    VerificationCodeSent: _code_sent,
    VerificationCodeFailed: _code_failed,
    VerificationCodeAccepted: _code_accepted,
    TerminationDraftDiscarded: _discarded,
    TerminationSubmitted: _submitted,
    TerminationDecisionRequested: _asked,
    TerminationEscalated: _escalated,
    TerminationApproved: _approved,
    TerminationRejected: _back,
    TerminationWithdrawn: _back,
    TerminationStalled: _stalled,
    TerminationRechecked: _rechecked,
    AgreementExpired: _agreement_expired,
    BlockWaived: _waived,
    PartnershipTerminated: _terminated,
}
