"""What the events of a partnership that lives make of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from contracts.business import BusinessPeriod
from contracts.details import Changes, Contacts
from contracts.events.binding import (
    ActivationOverdue,
    ActivationRecorded,
    PartnershipAgreementUpdated,
    PartnershipBound,
    PartnershipResumed,
    PartnershipSuspended,
    SwitchBlocked,
    SwitchCompleted,
)
from contracts.events.notice import NoticeSent, NotificationOutcomeRecorded
from contracts.events.partnership import Why
from contracts.events.upkeep import (
    BillingChosen,
    BusinessDataRecorded,
    ContactsAssigned,
    CustomerInfoUpdated,
    ModificationAcknowledged,
    ModificationApplied,
    ModificationCountered,
    ModificationDeclined,
    ModificationLapsed,
    ModificationProposed,
    PartnershipHidden,
    PartnershipShown,
    PermissionsConfigured,
)
from contracts.message import Event
from handlers.documents import Modification, Partnership, Told
from handlers.folds_of_offer import Fields, no_change, state_of
from handlers.states import Active, Ending, Invited, State, Suspended, Switching, with_choice
from handlers.tokens import secret_of

PERIODS_MAX = 36
"""Three years of months; what is older is in the history."""
NOTICES_MAX = 8
"""So many notices may be under way; of an older one nobody will say any more what became of it."""
CONFIRMATIONS = ("partnership_bound", "partnership_terminated", "partnership_reactivated")
"""What has to arrive (R29, R60): the others make room first."""


def living(state: State) -> Active | Suspended:
    """What a partnership is that lives, or was before its end was asked for."""
    if isinstance(state, Active | Suspended):
        return state
    if isinstance(state, Ending):
        return state.before
    raise ValueError(f"this cannot happen to a partnership that is {state.status}")


def _as(partnership: Partnership, bond: Active | Suspended) -> Fields:
    """The living part has changed, and an open case stays what it is."""
    state = partnership.state
    return {"state": state.but(before=bond) if isinstance(state, Ending) else bond}


# ------------------------------------------------------------------------------------------------------------- the bond


def _bound(partnership: Partnership, event: PartnershipBound, at: datetime) -> Fields:
    state_of(partnership, Invited, Switching)
    return {
        "state": Active(bound_at=at, activation_due_at=event.activation_due_at),
        "agreement_ends_at": event.agreement_ends_at,
        "open_keys": (),
    }


def _activation(partnership: Partnership, event: ActivationRecorded, _: datetime) -> Fields:
    stage = "activation_done" if event.outcome == "done" else "activation_failed"
    return _as(partnership, living(partnership.state).but(stage=stage, activation_due_at=None))


def _activation_overdue(partnership: Partnership, _: ActivationOverdue, __: datetime) -> Fields:
    return _as(partnership, living(partnership.state).but(activation_due_at=None))


def _suspended(partnership: Partnership, event: PartnershipSuspended, _: datetime) -> Fields:
    bond = living(partnership.state)
    reason = (event.private or Why()).reason
    suspended = Suspended(
        stage=bond.stage, bound_at=bond.bound_at, activation_due_at=bond.activation_due_at, reason=reason
    )
    return _as(partnership, suspended)


def _resumed(partnership: Partnership, _: PartnershipResumed, __: datetime) -> Fields:
    bond = living(partnership.state)
    active = Active(stage=bond.stage, bound_at=bond.bound_at, activation_due_at=bond.activation_due_at)
    return _as(partnership, active)


def _agreement(_: Partnership, event: PartnershipAgreementUpdated, __: datetime) -> Fields:
    return {"agreement_ends_at": event.agreement_ends_at}


# ----------------------------------------------------------------------------------------------------------- its upkeep


def _permissions(_: Partnership, event: PermissionsConfigured, __: datetime) -> Fields:
    return {"permissions": event.permissions}


def _billing(partnership: Partnership, event: BillingChosen, _: datetime) -> Fields:
    """For whatever end comes, and in the place of what was chosen with a request or a decision."""
    mode, state, drafts = event.billing_mode, partnership.state, partnership.drafts
    chosen = {
        side: draft.but(billing_mode=mode) if draft.billing_mode and draft.category != "direct_billing" else draft
        for side, draft in drafts.items()
    }
    return {
        "billing_choice": mode,
        "drafts": chosen,
        "state": with_choice(state, mode) if isinstance(state, Ending) else state,
    }


def _info(partnership: Partnership, event: CustomerInfoUpdated | ModificationApplied, _: datetime) -> Fields:
    return {"offer": partnership.offer.but(**(event.private or Changes()).given)}


def _contacts(_: Partnership, event: ContactsAssigned, __: datetime) -> Fields:
    return {"contacts": event.private or Contacts()}


def _business(partnership: Partnership, event: BusinessDataRecorded, _: datetime) -> Fields:
    if event.private is None:
        return {}
    others = [known for known in partnership.business if known.period != event.period]
    periods = sorted([*others, event.private], key=_period)
    return {"business": tuple(periods[-PERIODS_MAX:])}


def _period(known: BusinessPeriod) -> str:
    return known.period


def _hidden(partnership: Partnership, event: PartnershipHidden, _: datetime) -> Fields:
    return {"hidden_by": (*partnership.hidden_by, event.side)}


def _shown(partnership: Partnership, event: PartnershipShown, _: datetime) -> Fields:
    return {"hidden_by": tuple(side for side in partnership.hidden_by if side != event.side)}


# ----------------------------------------------------------------------------------------------------- its modification


def _proposed(partnership: Partnership, event: ModificationProposed | ModificationCountered, _: datetime) -> Fields:
    former = partnership.modification
    modification = Modification(
        id=event.id,
        by=event.by,
        changes=event.private or Changes(),
        answer_by=event.answer_by,
        modified_before=former.modified_before if former else partnership.modified,
    )
    return {"modification": modification, "modified": partnership.modified or isinstance(partnership.state, Invited)}


def _answered(_: Partnership, __: Event, ___: datetime) -> Fields:
    return {"modification": None}


def _dropped(partnership: Partnership, _: ModificationDeclined | ModificationLapsed, __: datetime) -> Fields:
    """The offer is what it was (R125)."""
    former = partnership.modification
    return {"modification": None, "modified": former.modified_before if former else partnership.modified}


def _applied(partnership: Partnership, event: ModificationApplied, at: datetime) -> Fields:
    modified = partnership.modified or isinstance(partnership.state, Invited)
    return _info(partnership, event, at) | {"modified": modified}


# ---------------------------------------------------------------------------------------------------------- its notices


_TOLD = Told(notice_id="", party="platform", template="invitation", channel="", params={})
"""Each decision makes two of them, of what an event was checked for already: a copy takes half the time."""


def _told(partnership: Partnership, event: NoticeSent, _: datetime) -> Fields:
    told = _TOLD.but(
        notice_id=event.notice_id,
        party=event.party,
        template=event.template,
        channel=event.channel,
        params=event.params,
        secret=secret_of(partnership, event.party, event.template),
    )
    notices = (*partnership.notices, told)
    return {"notices": notices if len(notices) <= NOTICES_MAX else _without_one(notices)}


def _without_one(notices: tuple[Told, ...]) -> tuple[Told, ...]:
    """The oldest, and never the newest."""
    dropped = next((told for told in notices[:-1] if told.template not in CONFIRMATIONS), notices[0])
    return tuple(told for told in notices if told is not dropped)


def _outcome(partnership: Partnership, event: NotificationOutcomeRecorded, _: datetime) -> Fields:
    return {"notices": tuple(told for told in partnership.notices if told.notice_id != event.notice_id)}


FOLDS_OF_BOND: dict[type[Event], Callable[[Partnership, Any, datetime], Fields]] = {
    PartnershipBound: _bound,
    ActivationRecorded: _activation,
    ActivationOverdue: _activation_overdue,
    PartnershipSuspended: _suspended,
    PartnershipResumed: _resumed,
    PartnershipAgreementUpdated: _agreement,
    SwitchBlocked: no_change,
    SwitchCompleted: no_change,
    PermissionsConfigured: _permissions,
    BillingChosen: _billing,
    CustomerInfoUpdated: _info,
    ContactsAssigned: _contacts,
    BusinessDataRecorded: _business,
    PartnershipHidden: _hidden,
    PartnershipShown: _shown,
    ModificationProposed: _proposed,
    ModificationCountered: _proposed,
    ModificationAcknowledged: _answered,
    ModificationApplied: _applied,
    ModificationDeclined: _dropped,
    ModificationLapsed: _dropped,
    NoticeSent: _told,
    NotificationOutcomeRecorded: _outcome,
}
