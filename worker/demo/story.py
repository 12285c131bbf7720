"""The scenes. Each shows one thing that the worker promises, with the commands that show it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from contracts.commands.binding import AssignContacts, ConfigurePermissions
from contracts.commands.facts import CustomerFacts, RegisterPartner, ReportCustomerStanding
from contracts.commands.invitation import (
    AcceptInvitation,
    CancelInvitation,
    InviteCustomer,
    OpenInvitation,
    RecordIdentityVerification,
)
from contracts.commands.termination import (
    Checklist,
    ConfirmTermination,
    DecideTermination,
    RequestTermination,
    SendVerificationCode,
    SubmitVerificationCode,
)
from contracts.details import Contacts
from contracts.events.binding import PartnershipBound, SwitchCompleted
from contracts.events.facts import CustomerStandingRecorded, QuotaUpdated
from contracts.events.invitation import (
    InvitationCancelled,
    InvitationOpened,
    InvitationSent,
    PartnershipStatusChecked,
    SwitchPrompted,
)
from contracts.events.notice import NoticeSent
from contracts.events.termination import (
    PartnershipTerminated,
    TerminationApproved,
    TerminationConfirmed,
    TerminationDecisionRequested,
    TerminationDrafted,
    VerificationCodeSent,
)
from contracts.events.upkeep import ContactsAssigned, PermissionsConfigured
from contracts.message import Actor, Event, Party, Role
from contracts.rejections import CommandRejected
from contracts.standing import Dealings
from contracts.terms import Model
from contracts.topics import TopicName
from worker.clock import utc_now
from worker.demo.audit import gaps
from worker.demo.process import SESSION_SECONDS, DemoError
from worker.demo.stage import Order, Sent, Stage
from worker.demo.words import name

AURORA, BOREALIS = "aurora", "borealis"
KESTREL, HERON = "kestrel", "heron"

CROWD = 60
"""Companies that are invited, and whose invitations are cancelled, around the kill."""

CROWD_INTERVAL_SECONDS = 0.012
CROWD_SECONDS_MAX = 60

REGISTRY = Actor(kind=Party.SYSTEM, party_id="registry", user_id="registry", role=Role.ADMIN)
PAULA = Actor(kind=Party.PARTNER, party_id=AURORA, user_id="paula", role=Role.ADMIN)
OTTO = Actor(kind=Party.PARTNER, party_id=AURORA, user_id="otto", role=Role.OPERATOR)
BEN = Actor(kind=Party.PARTNER, party_id=BOREALIS, user_id="ben", role=Role.ADMIN)
CARLA = Actor(kind=Party.CUSTOMER, party_id=KESTREL, user_id="carla", role=Role.ADMIN)
HUGO = Actor(kind=Party.CUSTOMER, party_id=HERON, user_id="hugo", role=Role.ADMIN)


# ----------------------------------------------------------------------------------------------------------- the scenes


async def partners_and_a_customer(stage: Stage) -> None:
    """Facts from other systems."""
    stage.screen.scene("Who they are", "Other systems report partners and what is known of a customer.")
    await stage.tell(register(AURORA, quota=5, notice_days=0), register(BOREALIS, quota=3, notice_days=30))
    await stage.tell(standing(KESTREL))


async def an_invitation(stage: Stage) -> None:
    """From the offer to the bond."""
    stage.screen.scene("An invitation", "The link's token is in the notice alone: journal and documents hold none.")
    await bind(stage, PAULA, CARLA, "reseller", PartnershipStatusChecked)
    await stage.tell(accept(PAULA, CARLA))


async def a_refusal(stage: Stage) -> None:
    """Refused, with what to do."""
    stage.screen.scene("A refusal", "A refused command changes nothing, and says why and what to do.")
    await stage.tell(end(OTTO, KESTREL, "Otto, operator at Aurora, wants to end it", CommandRejected))


async def a_repeat_and_poison(stage: Stage) -> None:
    """Neither a repeat nor nonsense hurts what comes behind it."""
    stage.screen.scene("A repeat and a poison message", "Three records at once: one sent before, nonsense, a new one.")
    accepted = next(sent for sent in stage.sent if (sent.id or "").startswith("AcceptInvitation"))
    before = len(stage.results([accepted]))
    again = await stage.publish_again(accepted)
    poison = await stage.publish_bytes(TopicName.INVITATION_COMMANDS, AURORA, b"} this is not JSON {")
    order = invite(PAULA, HUGO, "reseller")
    behind = await stage.publish(order)

    stage.screen.command("Carla's browser sends her acceptance again", "AcceptInvitation")
    # Of one partner and one topic, they are decided in order: once the last one is, the repeat is too.
    await stage.until_decided(behind)
    if len(stage.results([accepted])) != before:
        raise DemoError(f"{again.id} was decided twice.")
    stage.screen.note("no event: this id was decided in scene 2")
    stage.screen.command("somebody sends “} this is not JSON {”", "no type at all")
    await stage.show_dead_letter(poison)
    stage.screen.command(order.sentence, type(order.command).__name__)
    await stage.show(behind)


async def a_second_customer(stage: Stage) -> None:
    """It stays with its partner until it asks for the end itself."""
    stage.screen.scene("The second customer", "Heron answers the invitation that came behind the poison.")
    await stage.tell(standing(HERON), opened(stage, PAULA, HUGO), verified(PAULA, HUGO, PartnershipStatusChecked))
    await stage.tell(accept(PAULA, HUGO))


async def a_switch(stage: Stage) -> None:
    """From one partner to the other."""
    stage.screen.scene("A switch", "Kestrel goes to Borealis. Two lanes, and never without a partner or with two.")
    await bind(stage, BEN, CARLA, "reseller", SwitchPrompted)
    await stage.tell(accept(BEN, CARLA, switch=True))


async def an_operator(stage: Stage) -> None:
    """What cannot be read holds its own partnership only, until somebody corrects it; then all goes on in order."""
    stage.screen.scene(
        "A slip, and an operator", "Borealis has a console that is ahead: nobody here can read its v2 of a command."
    )
    slip = contacts(BEN, KESTREL, "Ben's new console says who looks after Kestrel")
    stage.screen.command(slip.sentence, f"{type(slip.command).__name__} v2")
    unreadable = await stage.publish(slip, version="v2")
    await stage.show_dead_letter(unreadable)
    order = permissions(BEN, KESTREL)
    stage.screen.command(order.sentence, type(order.command).__name__)
    behind = await stage.publish(order)
    await stage.show_dead_letter(behind)
    stage.screen.note("it waits, so that the order is kept; nobody else's commands do:")
    await stage.tell(contacts(PAULA, HERON, "Paula of Aurora says who looks after Heron"))
    await stage.operator("explain", _ours(BEN, KESTREL))
    settings, why = "type=partnerships.AssignContacts.v1", "the console is ahead of us"
    await stage.operator(
        *("dead-letters", "edit", str(unreadable.id), "--set", settings, "--why", why, "--yes"),
        shown=f"partnership-worker dead-letters edit {unreadable.id} \\\n"
        f"      --set {settings} \\\n      --why '{why}' --yes",
    )
    await stage.show(await stage.corrected(unreadable, slip.until))
    await stage.show(behind)


async def an_end_that_is_decided(stage: Stage) -> None:
    """One side asks, the other answers."""
    stage.screen.scene(
        "An end that the other side decides", "Borealis resells to Kestrel: Kestrel has to agree, and 30 days go by."
    )
    await stage.tell(end(CARLA, BOREALIS, "Carla of Kestrel wants to leave again at once", CommandRejected))
    await stage.tell(end(BEN, KESTREL, "Ben of Borealis wants to end it with Kestrel", TerminationDrafted, NoticeSent))
    asked = (TerminationConfirmed, TerminationDecisionRequested, NoticeSent, NoticeSent)
    await stage.tell(confirm(stage, BEN, KESTREL, *asked))
    sentence = "Carla agrees, and chooses to be billed directly"
    await stage.tell(agree(stage, CARLA, BOREALIS, sentence, TerminationApproved, NoticeSent, NoticeSent))


async def an_end_with_a_code(stage: Stage) -> None:
    """A customer who is resold to proves that it is the one who asks; no notice was agreed on."""
    stage.screen.scene(
        "An end with a code, at once",
        "Aurora resells to Heron: Heron enters a code; no notice was agreed on.",
    )
    await stage.tell(end(HUGO, AURORA, "Hugo of Heron wants to leave Aurora", TerminationDrafted, NoticeSent))
    await stage.tell(confirm(stage, HUGO, AURORA, TerminationConfirmed, NoticeSent))
    await stage.tell(send_code(HUGO, AURORA))
    await stage.tell(enter_code(stage, HUGO, AURORA))
    await stage.tell(
        agree(stage, PAULA, HERON, "Paula of Aurora agrees", PartnershipTerminated, NoticeSent, NoticeSent)
    )


async def a_kill(stage: Stage) -> None:
    """The worker dies in the middle of its work."""
    screen = stage.screen
    screen.scene("kill -9", f"A producer invites {CROWD} companies and cancels each; meanwhile the worker dies.")
    sent: list[Sent] = []
    producer = asyncio.create_task(_crowd(stage, sent))
    try:
        while len(sent) < CROWD:
            await asyncio.sleep(0)
            if producer.done():
                await producer
        if stage.worker is None:
            return
        killed = stage.worker.pid
        await stage.worker.kill()
        began, at_kill = time.monotonic(), len(sent)
        visible = len({seen.correlation for seen in stage.results(sent[:at_kill])})
        screen.fact(
            "✗", f"kill -9 of worker {killed}: {at_kill} commands published, {visible} of them decided and seen", "red"
        )
        screen.fact("…", f"another worker starts; Kafka gives up on the dead one after {SESSION_SECONDS} s")
        await stage.start_worker()
        seconds = time.monotonic() - began
        screen.fact("✓", f"worker {stage.worker.pid} has taken over, {seconds:.1f} s after the kill", "green")
        await producer
    finally:
        producer.cancel()
        await asyncio.gather(producer, return_exceptions=True)

    def complete() -> bool:
        return len(stage.results(sent)) >= len([kind for one in sent for kind in one.until])

    await stage.follower.until(complete, CROWD_SECONDS_MAX, "an event of the crowd", stage.check)
    seen = stage.results(sent)
    if len({(record.topic, record.id) for record in seen}) != len(seen):
        raise DemoError("An event came twice.")
    if found := gaps(stage):
        raise DemoError("\n".join(found))
    sent_at = {one.id: one.at for one in sent}
    waits = sorted(record.at - sent_at[record.correlation] for record in seen)
    subjects = {record.subject for record in seen if record.topic is TopicName.LIFECYCLE_EVENTS}
    screen.fact("✓", f"all {len(sent)} commands are decided: {len(seen)} events, each seen once", "green")
    screen.fact("✓", f"the sequences of {len(subjects)} partnerships and 2 quotas have no gap", "green")
    quickest, slowest = waits[0] * 1000, waits[-1]
    screen.fact(
        " ", f"visible after {quickest:.0f} ms at best, {slowest:.1f} s where the new worker had to come first", "dim"
    )


SCENES: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    partners_and_a_customer,
    an_invitation,
    a_refusal,
    a_repeat_and_poison,
    a_second_customer,
    a_switch,
    an_operator,
    an_end_that_is_decided,
    an_end_with_a_code,
    a_kill,
)


async def _crowd(stage: Stage, sent: list[Sent]) -> None:
    """Invitations and cancellations, one after the other, whether somebody decides them or not."""
    for number in range(CROWD):
        user = (PAULA, BEN)[number % 2]
        company = f"company-{number + 1}"
        for order in (
            invite(user, Actor(kind=Party.CUSTOMER, party_id=company, user_id=company), "referral"),
            cancel(user, company),
        ):
            sent.append(await stage.publish(order))
            await asyncio.sleep(CROWD_INTERVAL_SECONDS)


# --------------------------------------------------------------------------------------------------------- the commands


def register(partner: str, quota: int, notice_days: int) -> Order:
    """The registry tells of a partner."""
    command = RegisterPartner(
        actor=REGISTRY,
        name=name(partner),
        contact_email=f"desk@{partner}.example",
        quota_limit=quota,
        notice_days=notice_days,
    )
    sentence = f"the registry: {name(partner)} joins, for up to {quota} customers"
    return Order(sentence, command, partner, partner, (QuotaUpdated,))


def standing(customer: str) -> Order:
    """Nothing stands in the way of a customer."""
    dealings = [
        Dealings(
            partner_id=partner,
            settlements_outstanding=False,
            orders_awaiting_partner_payment=False,
            partner_support_plan_active=False,
            special_commerce_contract=False,
        )
        for partner in (AURORA, BOREALIS)
    ]
    facts = CustomerFacts(
        qualified=True,
        compliant=True,
        account_status="active",
        independent_members_attached=False,
        account_in_arrears=False,
        reserved_instances_active=False,
        currency_set=True,
    )
    as_of = utc_now() - timedelta(minutes=1)
    command = ReportCustomerStanding(actor=REGISTRY, as_of=as_of, facts=facts, dealings=tuple(dealings))
    sentence = f"the registry: {name(customer)} is qualified and owes nothing"
    return Order(sentence, command, customer, customer, (CustomerStandingRecorded,))


async def bind(stage: Stage, partner: Actor, customer: Actor, model: Model, verified_by: type[Event]) -> None:
    """Invited, opened, verified."""
    await stage.tell(invite(partner, customer, model))
    await stage.tell(opened(stage, partner, customer), verified(partner, customer, verified_by))


def invite(partner: Actor, customer: Actor, model: Model) -> Order:
    """A partner offers a partnership."""
    company = customer.party_id
    command = InviteCustomer(
        actor=partner,
        purpose="new_customer_acquisition",
        model=model,
        legal_name=name(company),
        contact_person=name(customer.user_id),
        email=f"{customer.user_id}@{company}.example",
        phone="+49 30 1234567",
        requirements="20 servers",
        estimated_volume="10000 EUR a month",
        standards_version="1",
    )
    sentence = f"{_person(partner)} invites {name(company)}"
    return _order(sentence, command, partner, customer, InvitationSent, QuotaUpdated, NoticeSent)


def opened(stage: Stage, partner: Actor, customer: Actor) -> Order:
    """With the token from the notice, as a notification system would put it into the e-mail's link."""
    subject = _partnership(partner, customer)
    command = OpenInvitation(actor=customer, token=_noticed(stage, subject, "token"))
    return _order(f"{_person(customer)} opens the link", command, partner, customer, InvitationOpened)


def verified(partner: Actor, customer: Actor, until: type[Event]) -> Order:
    """The identity system has looked at papers."""
    command = RecordIdentityVerification(
        actor=REGISTRY,
        customer_id=customer.party_id,
        legal_name=name(customer.party_id),
        registered_email=f"office@{customer.party_id}.example",
        registered_phone="+49 30 1000",
        passed=True,
    )
    sentence = f"the identity system: it really is {name(customer.party_id)}"
    return _order(sentence, command, partner, customer, until)


def accept(partner: Actor, customer: Actor, *, switch: bool = False) -> Order:
    """The customer says yes."""
    command = AcceptInvitation(actor=customer, consent_version="1", switch_confirmed=switch)
    sentence = f"{name(customer.user_id)} accepts{' and confirms the switch' if switch else ''}"
    last = (SwitchCompleted, NoticeSent) if switch else (PartnershipBound, NoticeSent, NoticeSent)
    return _order(sentence, command, partner, customer, *last)


def cancel(partner: Actor, company: str) -> Order:
    """The partner takes its offer back."""
    command = CancelInvitation(actor=partner, reason="sent in error")
    until = (InvitationCancelled, QuotaUpdated, NoticeSent, NoticeSent)
    return Order("", command, f"{partner.party_id}-{company}", partner.party_id, until)


def contacts(user: Actor, other: str, sentence: str) -> Order:
    """Whom the customer finds at its partner."""
    team = Contacts(assigned_contact=name(user.user_id), support_contact=f"help@{user.party_id}.example")
    return _between(sentence, AssignContacts(actor=user, contacts=team), user, other, ContactsAssigned)


def permissions(user: Actor, other: str) -> Order:
    """What the partner may do in the customer's account."""
    command = ConfigurePermissions(actor=user, permissions=("billing", "support"))
    sentence = f"{name(user.user_id)} says what {name(user.party_id)} may do at {name(other)}"
    return _between(sentence, command, user, other, PermissionsConfigured)


def end(user: Actor, other: str, sentence: str, *until: type[Event]) -> Order:
    """One side begins to ask for the end."""
    by_partner = user.kind is Party.PARTNER
    more: dict[str, Any] = {"migration_plan": "export by June", "alternative_service": "a direct account"}
    command = RequestTermination(
        actor=user,
        category="partner_business_adjustment" if by_partner else "customer_request",
        reason="we do not get on with each other",
        **(more if by_partner else {}),
    )
    return _between(sentence, command, user, other, *until)


def confirm(stage: Stage, user: Actor, other: str, *until: type[Event]) -> Order:
    """It has read the warnings that go with its draft. A customer chooses its billing."""
    drafts = (seen.event for seen in stage.follower.seen if seen.subject == _ours(user, other))
    version = [draft.rules.warning_version for draft in drafts if isinstance(draft, TerminationDrafted)][-1]
    command = ConfirmTermination(
        actor=user,
        warning_version=version,
        checklist=Checklist(warnings_read=True, data_backed_up=True, bill_checked=True, support_known=True),
        billing_mode="direct" if user.kind is Party.CUSTOMER else None,
    )
    return _between(f"{name(user.user_id)} has read the warnings, and confirms", command, user, other, *until)


def send_code(user: Actor, other: str) -> Order:
    """By text message: in this story by the notice that would have it sent."""
    sentence = f"{name(user.user_id)} asks for a code by text message"
    return _between(sentence, SendVerificationCode(actor=user), user, other, VerificationCodeSent, NoticeSent)


def enter_code(stage: Stage, user: Actor, other: str) -> Order:
    """The right code submits what was confirmed."""
    command = SubmitVerificationCode(actor=user, code=_noticed(stage, _ours(user, other), "token"))
    until = (TerminationDecisionRequested, NoticeSent, NoticeSent)
    return _between(f"{name(user.user_id)} enters the code", command, user, other, *until)


def agree(stage: Stage, user: Actor, other: str, sentence: str, *until: type[Event]) -> Order:
    """The side that was asked agrees. A customer has read the warnings, and chooses its billing."""
    command = DecideTermination(actor=user, approve=True)
    if user.kind is Party.CUSTOMER:
        version = _noticed(stage, _ours(user, other), "warning_version")
        command = command.but(warning_version=version, billing_mode="direct")
    return _between(sentence, command, user, other, *until)


def _noticed(stage: Stage, subject: str, param: str) -> str:
    """What the last notice says that says it."""
    events = [seen.event for seen in stage.follower.seen if seen.subject == subject]
    return [event.params[param] for event in events if isinstance(event, NoticeSent) and param in event.params][-1]


def _between(sentence: str, command: Any, user: Actor, other: str, *until: type[Event]) -> Order:
    partner = user.party_id if user.kind is Party.PARTNER else other
    return Order(sentence, command, _ours(user, other), partner, until)


def _ours(user: Actor, other: str) -> str:
    return f"{user.party_id}-{other}" if user.kind is Party.PARTNER else f"{other}-{user.party_id}"


def _order(sentence: str, command: Any, partner: Actor, customer: Actor, *until: type[Event]) -> Order:
    return Order(sentence, command, _partnership(partner, customer), partner.party_id, until)


def _partnership(partner: Actor, customer: Actor) -> str:
    return f"{partner.party_id}-{customer.party_id}"


def _person(actor: Actor) -> str:
    return f"{name(actor.user_id)} of {name(actor.party_id)}"
