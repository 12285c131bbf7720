"""What an event says, in plain words and in one line."""

from collections.abc import Iterable
from datetime import datetime
from typing import assert_never

from contracts.events import billing, binding, checking, closing, facts, invitation, notice, termination, upkeep
from contracts.message import Event
from contracts.rejections import CommandAnswered, CommandRejected
from contracts.terms import BillingMode

TOKEN_CHARACTERS_SHOWN = 6


ALWAYS: dict[type[Event], str] = {
    facts.AgreementUpdated: "the partner's agreement, as it is now",
    invitation.InvitationResent: "with a new link; the old one is void",
    invitation.InvitationOpened: "the link was right",
    invitation.InvitationDeclined: "the offer is closed",
    invitation.InvitationCancelled: "the offer is closed",
    invitation.InvitationExpired: "the offer is closed",
    binding.ActivationOverdue: "nobody has said whether the account is active",
    binding.PartnershipSuspended: "the platform has stopped it for now",
    binding.PartnershipResumed: "it goes on",
    binding.PartnershipAgreementUpdated: "the agreement behind it ends at another time",
    binding.SwitchOverdue: "it takes longer than it may",
    upkeep.PermissionsConfigured: "what the partner may do in the account",
    upkeep.BillingChosen: "who bills the customer when it has ended",
    upkeep.ContactsAssigned: "whom the customer finds at the partner",
    upkeep.ModificationAcknowledged: "the other side agrees",
    upkeep.ModificationDeclined: "everything is as it was",
    upkeep.ModificationLapsed: "nobody answered in time",
    termination.VerificationCodeAccepted: "the code was right",
    termination.TerminationRejected: "everything is as it was",
    termination.TerminationWithdrawn: "everything is as it was",
    termination.AgreementExpired: "the agreement behind it is over",
    closing.ClosingCompleted: "every step is done",
    closing.LegalHoldPlaced: "nothing may be destroyed",
    closing.LegalHoldReleased: "it may be destroyed in due time",
    closing.ReactivationDeclined: "it stays ended",
    closing.ReactivationLapsed: "nobody answered in time",
    closing.PartnershipReactivated: "it lives again",
    closing.DataRestoreRequested: "what was kept comes back",
    closing.PersonalDataPurged: "what was personal is gone",
    billing.FinalBillDisputed: "the customer doubts it",
    billing.FinalBillWaived: "nobody needs it",
}
"""What is said of an event whatever it holds."""


def says(event: Event) -> str:
    """The event in plain words; its type and its topic stand beside them."""
    told = (_of_parties, _of_an_offer, _of_a_bond, _of_an_end, _of_what_is_left, _of_a_bill, _of_an_answer)
    return ALWAYS.get(type(event)) or next((words for tell in told if (words := tell(event))), "")


def _of_parties(event: Event) -> str:
    match event:
        case facts.PartnerRegistered() as e:
            return f"{name(e.partner_id)} may invite"
        case facts.PartnerStandingRecorded() as e:
            return f"{name(e.partner_id)} is {e.status}"
        case facts.CustomerStandingRecorded() as e:
            return f"{len(e.recorded)} facts about {name(e.customer_id)}"
        case facts.ExtraRequestGranted() as e:
            return f"{name(e.customer_id)} has {e.extra_requests} more to use"
        case facts.QuotaUpdated() as e:
            return f"{name(e.partner_id)}: {e.bound} of {e.limit} bound, {e.reserved} reserved"
        case _:
            return ""


def _of_an_offer(event: Event) -> str:  # noqa: PLR0911 - a line for each event
    match event:
        case invitation.InvitationSent() as e:
            return f"{e.model}, open until {day(e.expires_at)}"
        case invitation.InvitationReminded() as e:
            return f"still open until {day(e.expires_at)}"
        case invitation.IdentityVerified() as e:
            return f"it is {name(e.customer_id)}"
        case invitation.IdentityVerificationFailed() as e:
            return f"{e.attempts_left} attempts left"
        case invitation.PartnershipStatusChecked() as e:
            return "it has another partner" if e.bound_elsewhere else "it has no partner yet"
        case invitation.SwitchPrompted() as e:
            return f"accepting would end {name(e.from_partner_id)}'s"
        case invitation.InvitationAccepted() as e:
            return f"with version {e.consent_version} of the terms"
        case _:
            return ""


def _of_a_bond(event: Event) -> str:  # noqa: PLR0911 - a line for each event
    match event:
        case binding.PartnershipBound() as e:
            return f"{name(e.customer_id)} is {name(e.partner_id)}'s customer"
        case binding.ActivationRecorded() as e:
            return "the account is active" if e.outcome == "done" else "the account could not be activated"
        case binding.SwitchStarted() as e:
            return f"{name(e.from_partner_id)} has to let go first"
        case binding.SwitchBlocked() | binding.SwitchAborted() as e:
            return _in_the_way(e.items) or "the old side did not end"
        case binding.SwitchCompleted() as e:
            return f"{name(e.customer_id)}: {name(e.from_partner_id)} → {name(e.partner_id)}"
        case upkeep.BusinessDataRecorded() as e:
            return f"what was done in {e.period}"
        case upkeep.PartnershipHidden() | upkeep.PartnershipShown() as e:
            return f"for the {e.side}"
        case upkeep.CustomerInfoUpdated() | upkeep.ModificationApplied() as e:
            return f"new: {_list(e.fields)}"
        case upkeep.ModificationProposed() | upkeep.ModificationCountered() as e:
            return f"the {e.by} wants to change: {_list(e.fields)}"
        case _:
            return ""


def _of_an_end(event: Event) -> str:  # noqa: C901, PLR0911, PLR0912 - a line for each event
    match event:
        case termination.TerminationDrafted() as e:
            return _in_the_way(e.items) or f"by the {e.by}, still private"
        case termination.TerminationDraftChecked() as e:
            return _in_the_way(e.items) or "nothing stands in the way any more"
        case termination.TerminationConfirmed() as e:
            return f"version {e.warning_version} of the warnings was read"
        case termination.VerificationCodeSent() as e:
            return f"code {e.number}, by text message; {e.codes_left} left"
        case termination.VerificationCodeFailed() as e:
            return f"a wrong code; {e.attempts_left} attempts left"
        case termination.TerminationDraftDiscarded() as e:
            return f"the {e.by}'s, {plain(e.cause)}"
        case termination.TerminationSubmitted() as e:
            return f"by the {e.by}{', and it counts' if e.counted else ''}"
        case termination.TerminationDecisionRequested() as e:
            return f"{e.decider} has until {day(e.decide_by)}"
        case termination.TerminationEscalated() as e:
            return f"the platform decides: {plain(e.cause)}"
        case termination.TerminationApproved() as e:
            return f"{plain(e.basis)}, ends {day(e.ends_at)}"
        case termination.TerminationStalled() | termination.TerminationRechecked() as e:
            return f"{_in_the_way(e.items)}; next look {day(e.recheck_at)}"
        case termination.BlockWaived() as e:
            return f"without {plain(e.item).lower()}"
        case termination.PartnershipTerminated() as e:
            return f"{name(e.partner_id)}/{name(e.customer_id)}, by the {e.by}"
        case _:
            return ""


def _of_what_is_left(event: Event) -> str:  # noqa: PLR0911 - a line for each event
    match event:
        case closing.DataRetentionStarted() as e:
            return f"the data is kept until {day(e.until)}"
        case closing.ClosingStepRecorded() as e:
            return f"{plain(e.step)}: {e.outcome}"
        case closing.ClosingStalled() as e:
            return f"not done yet: {_list(e.steps)}"
        case closing.AnswerOverdue() as e:
            return f"not answered in time: {_list(e.what)}"
        case closing.DataExportRequested() as e:
            return f"the customer wants {plain(e.what)}"
        case closing.DataExportRecorded() as e:
            return "the data is there" if e.outcome == "done" else "the data could not be exported"
        case closing.ReactivationRequested() | closing.ReactivationAgreed() as e:
            return f"to agree: {_list(e.awaiting) or 'nobody else'}"
        case _:
            return ""


def _of_a_bill(event: Event) -> str:  # noqa: PLR0911 - a line for each event
    match event:
        case billing.BillingSwitched() as e:
            now = payee(e.to_mode, e.to_partner_id)
            return f"{now} bills {name(e.customer_id)} (was: {payee(e.from_mode, e.from_partner_id)})"
        case billing.FinalBillRequested() as e:
            return f"of {name(e.customer_id)}'s time with {name(e.partner_id)}"
        case billing.FinalBillRecorded() as e:
            return f"to be checked by {day(e.confirm_by)}"
        case billing.FinalBillConfirmed() as e:
            return "nobody said otherwise" if e.automatic else "it is right"
        case billing.DisputeResolved() as e:
            return f"to be confirmed by {day(e.confirm_by)}"
        case billing.RefundRequested() as e:
            return f"{name(e.customer_id)} gets something back"
        case _:
            return ""


def _of_an_answer(event: Event) -> str:
    match event:
        case checking.TerminationChecked() as e:
            return _in_the_way(o.item for o in e.items) or ("nothing stands in the way" if e.passed else "not yet")
        case notice.NoticeSent() as e:
            return f"to {_reader(e)}: {plain(e.template)}{_secret(e)}"
        case notice.NotificationOutcomeRecorded() as e:
            return e.outcome if e.followed_by == "nothing" else f"{e.outcome}; next: {plain(e.followed_by)}"
        case CommandRejected() as e:
            return f"{e.message}{_details(e)}"
        case CommandAnswered() as e:
            return f"the worker would {e.would} it"
        case _:
            return ""


def name(party_id: str | None) -> str:
    """A party as people call it; in this story ids are names in small letters."""
    return (party_id or "nobody").capitalize()


def plain(identifier: str) -> str:
    """`partner_switch` → `partner switch`."""
    return identifier.replace("_", " ")


def day(moment: datetime) -> str:
    """`22 Dec`: the year is known."""
    return f"{moment.day} {moment:%b}"


def payee(mode: BillingMode, partner_id: str | None) -> str:
    """Who sends the bills."""
    match mode:
        case "partner":
            return name(partner_id)
        case "direct":
            return "the platform"
        case "none":
            return "nobody"
        case _ as never:
            assert_never(never)


def _reader(sent: notice.NoticeSent) -> str:
    return "the platform" if sent.party == "platform" else name(sent.recipient_id or sent.params["company_name"])


def _secret(sent: notice.NoticeSent) -> str:
    token = sent.params.get("token")
    if token is None:
        return ""
    return f" {token}" if sent.template == "verification_code" else f", link …{token[-TOKEN_CHARACTERS_SHOWN:]}"


def _in_the_way(items: Iterable[str]) -> str:
    """`ACCOUNT_IN_ARREARS` → `in the way: account in arrears`."""
    found = _list(items).lower()
    return f"in the way: {found}" if found else ""


def _list(items: Iterable[str]) -> str:
    return ", ".join(map(plain, items))


def _details(refusal: CommandRejected) -> str:
    """What the refusal names: single values as they are, lists by their items."""
    parts = [f"{key}: {_value(value)}" for key, value in refusal.details.items()]
    return f" ({'; '.join(parts)})" if parts else ""


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    return f"{day(moment)} {moment.year}"
