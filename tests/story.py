"""The only door to the core: `given(steps).when(step).then(events)`. A test is a sentence and a story.

A story has its own small world, stored in dictionaries, in which each command is decided as the worker does it: load
what it needs, decide, store. What the worker's own commands do happens at the step `delivered()`, so that a story can
put something in between. After each story the stored documents must be the fold of its journal, as P4 promises.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any, Self

from contracts.business import BillPeriod
from contracts.commands.binding import SuspendPartnership
from contracts.commands.closing import ConfirmFinalBill, RecordClosingStep, RecordFinalBill
from contracts.commands.facts import CustomerFacts, RegisterPartner, ReportCustomerStanding, ReportPartnerStanding
from contracts.commands.internal import DeadlineReached
from contracts.commands.invitation import (
    AcceptInvitation,
    CancelInvitation,
    DeclineInvitation,
    InviteCustomer,
    OpenInvitation,
    RecordIdentityVerification,
)
from contracts.commands.termination import (
    Checklist,
    ConfirmTermination,
    DecideTermination,
    OnBehalf,
    RequestTermination,
    SendVerificationCode,
    SubmitVerificationCode,
)
from contracts.deadlines import DeadlineKind
from contracts.events.closing import PersonalDataPurged
from contracts.events.notice import NoticeSent
from contracts.events.termination import TerminationApproved, TerminationSubmitted
from contracts.message import SYSTEM, Actor, Command, CommandMessage, Event, Party, Role, Route
from contracts.rejection_details import DETAILS
from contracts.rejections import CommandAnswered, CommandRejected, RejectionCode
from contracts.standing import Dealings
from contracts.templates import ALWAYS_GIVEN, TEMPLATES
from contracts.terms import Side
from handlers.deadlines import deadlines
from handlers.decision import Context, Internal
from handlers.documents import LIVE_AT_ONCE, Customer, Document, Documents, Partner, Partnership, needs
from handlers.evolve import evolve_customer, evolve_partner, evolve_partnership
from handlers.keeping import redacted
from handlers.outcome import Outcome, StampedEvent, outcome
from handlers.policy import Policy
from handlers.states import Invited, Purged, Switching
from handlers.tokens import shown

LIVING = ("active", "suspended", "ending")
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
"""When every story begins."""


# --------------------------------------------------------------------------------------------------------------- steps


@dataclass(frozen=True, slots=True)
class Send:
    """A command, and where it goes."""

    command: Command
    subject: str
    partner_id: str
    id: str | None = None

    def but(self, **changes: Any) -> "Send":
        """The same with other data, e.g. another actor."""
        return replace(self, command=self.command.model_copy(update=changes))


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes."""

    duration: timedelta


@dataclass(frozen=True, slots=True)
class Deliver:
    """The worker's own commands reach their lanes, and those that follow from them too."""


@dataclass(frozen=True, slots=True)
class Adopt:
    """Another policy is in force."""

    policy: Policy


@dataclass(frozen=True, slots=True)
class Ask:
    """One side asks for the end, to the submission: request, confirm, and the code where one is needed."""

    request: Send
    confirm: Send

    def but(self, **changes: Any) -> "Ask":
        return replace(self, request=self.request.but(**changes), confirm=self.confirm.but(**changes))


@dataclass(frozen=True, slots=True)
class Enter:
    """The code that was sent last is entered; or another one."""

    send: Send


@dataclass(frozen=True, slots=True)
class Reach:
    """Everything that is due by now comes, the earliest first; or only deadlines of one kind."""

    kind: DeadlineKind | None = None


Step = Send | Wait | Deliver | Adopt | Ask | Enter | Reach


def later(**duration: float) -> Wait:
    return Wait(timedelta(**duration))


def delivered() -> Deliver:
    return Deliver()


def reached(kind: DeadlineKind | None = None) -> Reach:
    return Reach(kind)


def deadline(kind: DeadlineKind, due_at: datetime, partner: str = "p1", customer: str = "c1", number: int = 1) -> Send:
    """One that the scheduler appends, whether or not it still stands."""
    command = DeadlineReached(actor=SYSTEM, kind=kind, due_at=due_at, sequence=number)
    return Send(command, pair(partner, customer), partner)


def policy(**changes: Any) -> Adopt:
    return Adopt(Policy(**changes))


def partner_user(partner: str = "p1", role: Role = Role.ADMIN) -> Actor:
    return Actor(kind=Party.PARTNER, party_id=partner, user_id="user-of-partner", role=role)


def customer_user(customer: str = "c1", role: Role = Role.ADMIN) -> Actor:
    return Actor(kind=Party.CUSTOMER, party_id=customer, user_id="user-of-customer", role=role)


PLATFORM = Actor(kind=Party.PLATFORM, party_id="platform", user_id="platform-user", role=Role.ADMIN)


def pair(partner: str, customer: str) -> str:
    """The partnership of the two, where a story does not name it."""
    return f"{partner}-{customer}"


def registered(partner: str = "p1", quota: int = 10, notice_days: int | None = 0) -> Send:
    command = RegisterPartner(
        actor=SYSTEM,
        name=f"Partner {partner}",
        contact_email=f"{partner}@partner.example",
        quota_limit=quota,
        notice_days=notice_days,
    )
    return Send(command, partner, partner)


def partner_is(partner: str = "p1", as_of: datetime = NOON, **standing: Any) -> Send:
    return Send(ReportPartnerStanding(actor=SYSTEM, as_of=as_of, **standing), partner, partner)


def facts(customer: str = "c1", as_of: datetime = NOON, partner: str = "p1", **changes: Any) -> Send:
    """Everything in order, except for `changes`: about the customer, and its dealings with one partner."""
    whole: dict[str, Any] = {
        "qualified": True,
        "compliant": True,
        "account_status": "active",
        "independent_members_attached": False,
        "account_in_arrears": False,
        "reserved_instances_active": False,
        "currency_set": True,
    }
    dealings = {
        "settlements_outstanding": False,
        "orders_awaiting_partner_payment": False,
        "partner_support_plan_active": False,
        "special_commerce_contract": False,
    }
    for name, value in changes.items():
        (dealings if name in dealings else whole)[name] = value
    command = ReportCustomerStanding(
        actor=SYSTEM,
        as_of=as_of,
        facts=CustomerFacts(**whole),
        dealings=(Dealings(partner_id=partner, **dealings),),
    )
    return Send(command, customer, customer)


def invite(partner: str = "p1", customer: str = "c1", subject: str | None = None, **changes: Any) -> Send:
    data: dict[str, Any] = {
        "actor": partner_user(partner),
        "purpose": "new_customer_acquisition",
        "model": "reseller",
        "legal_name": f"{customer} Ltd",
        "contact_person": "Ada Example",
        "email": f"ada@{customer}.example",
        "phone": "+44 20 7946 0000",
        "requirements": "compute and storage",
        "estimated_volume": "100000 EUR a year",
        "standards_version": "1",
    }
    return Send(InviteCustomer(**data | changes), subject or pair(partner, customer), partner)


def opened(partner: str = "p1", customer: str = "c1", token: str | None = None) -> Send:
    subject = pair(partner, customer)
    command = OpenInvitation(actor=customer_user(customer), token=token or f"invitation:{subject}:1")
    return Send(command, subject, partner)


def verified(partner: str = "p1", customer: str = "c1", *, passed: bool = True, **changes: Any) -> Send:
    data: dict[str, Any] = {
        "customer_id": customer,
        "legal_name": f"{customer} Ltd",
        "registered_email": f"office@{customer}.example",
        "registered_phone": f"+49 30 {customer}",
    }
    command = RecordIdentityVerification(actor=SYSTEM, passed=passed, **data | changes)
    return Send(command, pair(partner, customer), partner)


def accept(partner: str = "p1", customer: str = "c1", **changes: Any) -> Send:
    data: dict[str, Any] = {"actor": customer_user(customer), "consent_version": "1"}
    command = AcceptInvitation(**data | changes)
    return Send(command, pair(partner, customer), partner)


def switch(partner: str = "p2", customer: str = "c1") -> Send:
    return accept(partner, customer, switch_confirmed=True)


def decline(partner: str = "p1", customer: str = "c1", **changes: Any) -> Send:
    data: dict[str, Any] = {"actor": customer_user(customer), "reason": "not now"}
    command = DeclineInvitation(**data | changes)
    return Send(command, pair(partner, customer), partner)


def cancel(partner: str = "p1", customer: str = "c1", **changes: Any) -> Send:
    data: dict[str, Any] = {"actor": partner_user(partner), "reason": "sent in error"}
    command = CancelInvitation(**data | changes)
    return Send(command, pair(partner, customer), partner)


def on(command: type[Command], actor: Actor, partner: str = "p1", customer: str = "c1", **data: Any) -> Send:
    """Any command about a partnership."""
    return Send(command(actor=actor, **data), pair(partner, customer), partner)


def by_partner(command: type[Command], partner: str = "p1", customer: str = "c1", **data: Any) -> Send:
    return on(command, **{"actor": partner_user(partner), "partner": partner, "customer": customer, **data})


def by_customer(command: type[Command], partner: str = "p1", customer: str = "c1", **data: Any) -> Send:
    return on(command, **{"actor": customer_user(customer), "partner": partner, "customer": customer, **data})


def by_platform(command: type[Command], partner: str = "p1", customer: str = "c1", **data: Any) -> Send:
    return on(command, PLATFORM, partner, customer, **data)


def by_system(command: type[Command], partner: str = "p1", customer: str = "c1", **data: Any) -> Send:
    return on(command, SYSTEM, partner, customer, **data)


def by_support(
    command: type[Command], side: Side = "customer", partner: str = "p1", customer: str = "c1", **data: Any
) -> Send:
    account = (
        (customer, f"office@{customer}.example") if side == "customer" else (partner, f"{partner}@partner.example")
    )
    behalf = OnBehalf(side=side, account_id=account[0], registered_email=account[1])
    fields: dict[str, Any] = {"actor": SUPPORT, "route": Route.ASSISTED_PHONE, "on_behalf": behalf, **data}
    return on(command, partner=partner, customer=customer, **fields)


SUPPORT = Actor(kind=Party.SUPPORT, party_id="support", user_id="support-user", role=Role.OPERATOR)
READ = Checklist(warnings_read=True, data_backed_up=True, bill_checked=True, support_known=True)


def customer_requests(partner: str = "p1", customer: str = "c1", **changes: Any) -> Send:
    data: dict[str, Any] = {"category": "customer_request", "reason": "we take our business elsewhere"}
    return by_customer(RequestTermination, partner, customer, **data | changes)


def partner_requests(partner: str = "p1", customer: str = "c1", **changes: Any) -> Send:
    data: dict[str, Any] = {
        "category": "partner_business_adjustment",
        "reason": "we leave this market",
        "migration_plan": "export by the end of the month",
        "alternative_service": "direct account",
    }
    return by_partner(RequestTermination, partner, customer, **data | changes)


def customer_confirms(partner: str = "p1", customer: str = "c1", **changes: Any) -> Send:
    data: dict[str, Any] = {"warning_version": "1", "checklist": READ}
    return by_customer(ConfirmTermination, partner, customer, **data | changes)


def partner_confirms(partner: str = "p1", customer: str = "c1", **changes: Any) -> Send:
    data: dict[str, Any] = {"warning_version": "1", "checklist": READ}
    return by_partner(ConfirmTermination, partner, customer, **data | changes)


def customer_gets_code(partner: str = "p1", customer: str = "c1", **changes: Any) -> Send:
    return by_customer(SendVerificationCode, partner, customer, **changes)


def customer_enters(partner: str = "p1", customer: str = "c1", code: str | None = None, **changes: Any) -> Enter:
    return Enter(by_customer(SubmitVerificationCode, partner, customer, code=code or "latest", **changes))


def customer_asks(partner: str = "p1", customer: str = "c1", **changes: Any) -> Ask:
    choice = {"billing_mode": changes.pop("billing_mode", None)}
    who = {"actor": changes["actor"]} if "actor" in changes else {}
    return Ask(customer_requests(partner, customer, **changes), customer_confirms(partner, customer, **choice, **who))


def partner_asks(partner: str = "p1", customer: str = "c1", **changes: Any) -> Ask:
    choice = {"billing_mode": changes.pop("billing_mode", None)}
    who = {"actor": changes["actor"]} if "actor" in changes else {}
    return Ask(partner_requests(partner, customer, **changes), partner_confirms(partner, customer, **choice, **who))


def platform_ends(partner: str = "p1", customer: str = "c1") -> Send:
    command = RequestTermination(actor=PLATFORM, category="policy_violation", reason="resold to a sanctioned country")
    return Send(command, pair(partner, customer), partner)


def partner_decides(partner: str = "p1", customer: str = "c1", *, approve: bool = True, **changes: Any) -> Send:
    data: dict[str, Any] = {"actor": partner_user(partner), "approve": approve}
    command = DecideTermination(**data | changes)
    return Send(command, pair(partner, customer), partner)


def customer_decides(partner: str = "p1", customer: str = "c1", *, approve: bool = True, **changes: Any) -> Send:
    data: dict[str, Any] = {"actor": customer_user(customer), "approve": approve, "warning_version": "1"}
    command = DecideTermination(**data | changes)
    return Send(command, pair(partner, customer), partner)


REGISTERED: tuple[Step, ...] = (registered(), facts())
INVITED = (*REGISTERED, invite())
OPENED = (*INVITED, opened())
VERIFIED = (*OPENED, verified())
BOUND = (*VERIFIED, accept())
PENDING = (*BOUND, customer_asks())
IN_NOTICE = (registered(notice_days=30), *PENDING[1:], partner_decides())
STALLED = (*PENDING, facts(account_in_arrears=True), partner_decides())
DRAFTED = (*BOUND, customer_requests())
BLOCKED = (*BOUND, facts(account_in_arrears=True), customer_requests())
CODE_NEEDED = (*DRAFTED, customer_confirms())
CODE_SENT = (*CODE_NEEDED, customer_gets_code())
SUSPENDED = (*BOUND, by_platform(SuspendPartnership, reason="the account is under investigation"))
TERMINATED = (*PENDING, partner_decides())
BILLED = (
    *TERMINATED,
    by_system(RecordFinalBill, amount=-1200, currency="EUR", period=BillPeriod(starts_at=NOON, ends_at=NOON)),
)
CLOSED = (
    *BILLED,
    by_customer(ConfirmFinalBill),
    by_system(RecordClosingStep, step="billing", outcome="done"),
    by_system(RecordClosingStep, step="data", outcome="done"),
)
PURGED = (*CLOSED, later(days=30), reached("retention_end"))
PROMPTED = (*BOUND, registered("p2"), invite("p2"), opened("p2"), verified("p2"))
SWITCHING = (*PROMPTED, switch())


# --------------------------------------------------------------------------------------------------------------- world


@dataclass(frozen=True, slots=True)
class Entry:
    """What a decision left in the journal: its time, its events, and the documents that it changed."""

    at: datetime
    events: tuple[StampedEvent, ...]
    changed: tuple[tuple[type[Document], str, int], ...]


@dataclass
class World:
    """Documents in dictionaries, a clock that stands still, and the worker's own commands on their way."""

    now: datetime = NOON
    policy: Policy = field(default_factory=Policy)
    partners: dict[str, Partner] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    partnerships: dict[str, Partnership] = field(default_factory=dict)
    journal: list[Entry] = field(default_factory=list)
    internal: list[Internal] = field(default_factory=list)
    commands: int = 0
    log: list[tuple[CommandMessage, Outcome, datetime]] = field(default_factory=list)

    def do(self, step: Step) -> list[Outcome]:
        match step:
            case Send():
                return [self.send(step)]
            case Wait():
                self.now += step.duration
            case Adopt():
                self.policy = step.policy
            case Ask():
                return self.ask(step)
            case Enter():
                return [self.send(self.with_code(step.send))]
            case Reach():
                return self.reach(step.kind)
            case Deliver():
                outcomes = []
                while self.internal:
                    command = self.internal.pop(0)
                    outcomes.append(self.send(Send(command.command, command.subject, command.partner_id)))
                return outcomes
        return []

    def ask(self, step: Ask) -> list[Outcome]:
        """What came of the last of its commands, or of the first that was refused."""
        code = step.confirm.command.actor
        subject, partner_id = step.request.subject, step.request.partner_id
        chain = (
            step.request,
            step.confirm,
            Send(SendVerificationCode(actor=code), subject, partner_id),
            Send(SubmitVerificationCode(actor=code, code="latest"), subject, partner_id),
        )
        last = self.send(chain[0])
        for send in chain[1:]:
            submitted = any(isinstance(e.event, TerminationSubmitted | TerminationApproved) for e in last.events)
            if last.rejection is not None or submitted:
                break
            last = self.send(self.with_code(send))
        return [last]

    def with_code(self, send: Send) -> Send:
        """The code as the message brings it."""
        if not isinstance(send.command, SubmitVerificationCode) or send.command.code != "latest":
            return send
        partnership = self.partnerships.get(send.subject)
        return send.but(code=shown("code", token("code", send.subject, partnership.codes if partnership else 0)))

    def reach(self, kind: DeadlineKind | None) -> list[Outcome]:
        """As the scheduler does it: whatever is due, until nothing is."""
        outcomes: list[Outcome] = []
        while due := self.due(kind):
            due_at, partnership, name, sequence = min(due, key=itemgetter(0))  # of one instant in the table's order
            command = DeadlineReached(actor=SYSTEM, kind=name, due_at=due_at, sequence=sequence)
            result = self.send(Send(command, partnership, self.partnerships[partnership].partner_id))
            assert result.events, f"{name} has come, and nothing was done about it"
            outcomes.append(result)
        return outcomes

    def due(self, kind: DeadlineKind | None) -> list[tuple[datetime, str, DeadlineKind, int]]:
        return [
            (line.due_at, partnership.id, line.kind, line.sequence)
            for partnership in self.partnerships.values()
            if partnership.next_due_at is not None and partnership.next_due_at <= self.now
            for line in deadlines(partnership)
            if line.due_at <= self.now and kind in (None, line.kind)
        ]

    def send(self, step: Send) -> Outcome:
        self.commands += 1
        message = CommandMessage(step.id or f"command-{self.commands}", step.subject, step.partner_id, step.command)
        before = self.load(message)
        result = outcome(before, message, Context(self.now, self.policy, tokens))
        self.log.append((message, result, self.now))
        if refusal := result.rejection:
            assert refusal.details.keys() <= set(DETAILS[refusal.code]), refusal
        if result.rejection is None and (result.events or result.internal):
            self.store(before, result)
        return result

    def load(self, message: CommandMessage) -> Documents:
        needed = needs(message)
        partnership = self.partnerships.get(needed.partnership_id or "")
        customer_id = needed.customer_id or (partnership.customer_id if partnership else None)
        keys = set(needed.offer_keys)
        return Documents(
            self.partners.get(needed.partner_id or ""),
            self.customers.get(customer_id or ""),
            partnership,
            tuple(offer.id for offer in self.partnerships.values() if keys.intersection(offer.open_keys)),
            self._living(needed.partner_id, needed.live_after) if needed.live_after is not None else (),
        )

    def _living(self, partner_id: str | None, after: str) -> tuple[str, ...]:
        live = (p.id for p in self.partnerships.values() if p.partner_id == partner_id and p.state.status in LIVING)
        return tuple(sorted(id_ for id_ in live if id_ > after)[:LIVE_AT_ONCE])

    def store(self, before: Documents, result: Outcome) -> None:
        after, changed = result.documents, []
        shelves: tuple[tuple[Document | None, Document | None, dict[str, Any]], ...] = (
            (before.partner, after.partner, self.partners),
            (before.customer, after.customer, self.customers),
            (before.partnership, after.partnership, self.partnerships),
        )
        for was, document, shelf in shelves:
            if document is not was and document is not None:
                assert document.rev == (was.rev if was else 0) + 1
                shelf[document.id] = document
                changed.append((type(document), document.id, document.rev))
        self.journal.append(Entry(self.now, result.events, tuple(changed)))
        self.internal += result.internal

    def check(self) -> None:
        """What must hold after every story."""
        self.check_fold()
        self.check_sequences()
        self.check_notices()
        self.check_ids()
        for partnership in self.partnerships.values():
            assert partnership.next_due_at == min((d.due_at for d in deadlines(partnership)), default=None)
        for partner in self.partners.values():
            mine = [p for p in self.partnerships.values() if p.partner_id == partner.id]
            bound = sum(p.state.status in LIVING for p in mine)
            reserved = sum(
                p.state.reserved if isinstance(p.state, Invited) else isinstance(p.state, Switching) for p in mine
            )
            # Between the end of the old side and the binding of the new one nothing is counted twice or not at all.
            assert (partner.quota.bound, partner.quota.reserved) == (bound, reserved)
        for customer in self.customers.values():
            live = [
                p.id for p in self.partnerships.values() if p.customer_id == customer.id and p.state.status in LIVING
            ]
            assert len(live) <= 1
            if customer.switch is None:
                assert live == ([customer.live.partnership_id] if customer.live else [])

    def check_notices(self) -> None:
        """Each template is given what the contract says."""
        for entry in self.journal:
            for notice in (stamped.event for stamped in entry.events):
                if isinstance(notice, NoticeSent):
                    given = {*notice.params, *(("token",) if notice.token else ())}
                    # A partner has an account: it needs no link to what a customer offers it.
                    without = {"token"} if (notice.template, notice.party) in LINKLESS else set()
                    wanted = {*ALWAYS_GIVEN, *TEMPLATES[notice.template]} - without
                    assert given == wanted, notice
                    # With an empty one nobody could confirm.
                    assert notice.params.get("warning_version") != "", notice

    def check_ids(self) -> None:
        """Each event of a partnership names its partner, and its customer once that is known; so does who is told."""
        for _, result, _ in self.log:
            partnership = result.documents.partnership
            if partnership is None or result.rejection is not None:
                continue
            sides = {"partner": partnership.partner_id, "customer": partnership.customer_id}
            for event in (stamped.event for stamped in result.events if stamped.event.SUBJECT == "partnership"):
                named = event.__dict__
                if isinstance(event, NoticeSent):
                    assert event.recipient_id == sides.get(event.party), event
                elif not isinstance(event, CommandAnswered):
                    assert named["partner_id"] == sides["partner"], event
                    assert not partnership.linked or named["customer_id"] == sides["customer"], event

    def check_fold(self) -> None:
        """P4, as `verify` does it: each document alone, from the entries that name it, from what was stored.

        What was purged is folded from redacted events: nothing that was personal may be needed for it.
        """
        gone = {p.id for p in self.partnerships.values() if isinstance(p.state, Purged)}
        customers_gone = {
            stamped.event.customer_id: number
            for number, entry in enumerate(self.journal)
            for stamped in entry.events
            if isinstance(stamped.event, PersonalDataPurged) and stamped.event.customer_gone
        }
        folds: dict[tuple[type[Document], str], Document | None] = {}
        for number, entry in enumerate(self.journal):
            for kind, document_id, rev in entry.changed:
                document: Any = folds.get((kind, document_id))
                for event in entry.events:
                    stored = as_stored(event.event)
                    customer_gone = number <= customers_gone.get(getattr(stored, "customer_id", None), -1)
                    if event.subject in gone or (stored.SUBJECT == "customer" and customer_gone):
                        stored = redacted(stored, customer_gone=customer_gone)
                    document = EVOLVE[kind](document, event.subject, stored, entry.at)
                folds[kind, document_id] = document.but(rev=rev)
        everything: Iterable[Document] = (
            *self.partners.values(),
            *self.customers.values(),
            *self.partnerships.values(),
        )
        for document in everything:
            assert folds.pop((type(document), document.id)) == document
            assert type(document).model_validate(document.model_dump()) == document
        assert not folds

    def check_sequences(self) -> None:
        last: dict[tuple[str, str], int] = {}
        for entry in self.journal:
            for stamped in entry.events:
                key = (stamped.subject, stamped.event.TOPIC)
                assert stamped.event.sequence == last.get(key, 0) + 1
                last[key] = stamped.event.sequence


LINKLESS = {("invitation", "partner"), ("invitation_reminder", "partner")}
EVOLVE: dict[type[Document], Any] = {
    Partner: evolve_partner,
    Customer: evolve_customer,
    Partnership: evolve_partnership,
}


def token(purpose: str, subject: str, number: int) -> str:
    """Stands for the HMAC; the core only compares it."""
    return f"{purpose}:{subject}:{number}"


def tokens(purpose: str, subject: str, number: int) -> tuple[str, ...]:
    """All that are right: there is one secret."""
    return (token(purpose, subject, number),)


def as_stored(event: Event) -> Event:
    """The event as the journal gives it back: what was published, with the private part beside it."""
    data = event.model_dump(mode="json", exclude_none=True)
    private = getattr(event, "private", None)
    if private is not None:
        data["private"] = private.model_dump()
    return type(event).model_validate(data)


# --------------------------------------------------------------------------------------------------------------- story


@dataclass(frozen=True, slots=True)
class Like:
    """An event of this kind, with at least these fields."""

    kind: type[Event]
    fields: dict[str, Any]

    def matches(self, event: Event) -> bool:
        return type(event) is self.kind and all(getattr(event, n) == v for n, v in self.fields.items())


def like(kind: type[Event], **fields: Any) -> Like:
    return Like(kind, fields)


class Story:
    """What was given, what happened, and what came of it."""

    def __init__(self, *steps: Step) -> None:
        self.world = World()
        for step in steps:
            for result in self.world.do(step):
                assert result.rejection is None, (step, result.rejection)
        self.outcomes: list[Outcome] = []

    def when(self, *steps: Step) -> Self:
        """What happens; the last step is what `then` and `refused` speak about."""
        for step in steps:
            self.outcomes = self.world.do(step)
        self.world.check()
        return self

    def then(self, *expected: type[Event] | Like) -> Self:
        """Exactly these events, in this order; notices are asked for with `told`."""
        assert self.rejection is None, self.rejection
        happened = [event for event in self.events if not isinstance(event, NoticeSent)]
        wanted = [event if isinstance(event, Like) else Like(event, {}) for event in expected]
        assert [type(event) for event in happened] == [event.kind for event in wanted]
        for want, event in zip(wanted, happened, strict=True):
            assert want.matches(event), (want, event)
        return self

    def told(self, **templates: str) -> Self:
        """Exactly these parties are told exactly this."""
        assert {e.party: e.template for e in self.events if isinstance(e, NoticeSent)} == templates
        return self

    def refused(self, code: RejectionCode, **details: Any) -> Self:
        """Refused with this code, and with at least these details."""
        assert self.rejection is not None, f"accepted with {[type(event).__name__ for event in self.events]}"
        assert self.rejection.code == code, self.rejection
        assert self.rejection.details | details == self.rejection.details
        return self

    @property
    def rejection(self) -> CommandRejected | None:
        return next((result.rejection for result in self.outcomes if result.rejection), None)

    @property
    def items(self) -> list[str]:
        """What blocks, by a refusal."""
        assert self.rejection is not None
        items: Any = self.rejection.details["items"]
        return [item["item"] for item in items]

    @property
    def events(self) -> list[Event]:
        return [stamped.event for result in self.outcomes for stamped in result.events]

    def partnership(self, partner: str = "p1", customer: str = "c1") -> Partnership:
        return self.world.partnerships[pair(partner, customer)]

    def partner(self, partner: str = "p1") -> Partner:
        return self.world.partners[partner]

    def customer(self, customer: str = "c1") -> Customer:
        return self.world.customers[customer]


def given(*steps: Step) -> Story:
    return Story(*steps)
