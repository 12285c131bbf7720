"""The only door to the core: `given(steps).when(step).then(events)`. A test is a sentence and a story.

A story has its own small world, stored in dictionaries, in which each command is decided as the worker does it: load
what it needs, decide, store. What the worker's own commands do happens at the step `delivered()`, so that a story can
put something in between. After each story the stored documents must be the fold of its journal, as P4 promises.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from contracts.commands.facts import CustomerFacts, RegisterPartner, ReportCustomerStanding, ReportPartnerStanding
from contracts.commands.invitation import (
    AcceptInvitation,
    CancelInvitation,
    DeclineInvitation,
    InviteCustomer,
    OpenInvitation,
    RecordIdentityVerification,
)
from contracts.commands.termination import DecideTermination, RequestTermination
from contracts.events.notice import NoticeSent
from contracts.message import SYSTEM, Actor, Command, CommandMessage, Event, Party, Role
from contracts.rejections import CommandRejected, RejectionCode
from contracts.standing import Dealings
from handlers.decision import Context, Internal
from handlers.documents import Customer, Document, Documents, Partner, Partnership, needs
from handlers.evolve import evolve_customer, evolve_partner, evolve_partnership
from handlers.outcome import Outcome, StampedEvent, outcome
from handlers.policy import Policy

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


Step = Send | Wait | Deliver | Adopt


def later(**duration: float) -> Wait:
    return Wait(timedelta(**duration))


def delivered() -> Deliver:
    return Deliver()


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


def customer_asks(partner: str = "p1", customer: str = "c1", **changes: Any) -> Send:
    data: dict[str, Any] = {
        "actor": customer_user(customer),
        "category": "customer_request",
        "reason": "we take our business elsewhere",
    }
    return Send(RequestTermination(**data | changes), pair(partner, customer), partner)


def partner_asks(partner: str = "p1", customer: str = "c1", **changes: Any) -> Send:
    data: dict[str, Any] = {
        "actor": partner_user(partner),
        "category": "partner_business_adjustment",
        "reason": "we leave this market",
        "migration_plan": "export by the end of the month",
        "alternative_service": "direct account",
    }
    return Send(RequestTermination(**data | changes), pair(partner, customer), partner)


def platform_ends(partner: str = "p1", customer: str = "c1") -> Send:
    command = RequestTermination(actor=PLATFORM, category="policy_violation", reason="resold to a sanctioned country")
    return Send(command, pair(partner, customer), partner)


def partner_decides(partner: str = "p1", customer: str = "c1", *, approve: bool = True, **changes: Any) -> Send:
    data: dict[str, Any] = {"actor": partner_user(partner), "approve": approve}
    command = DecideTermination(**data | changes)
    return Send(command, pair(partner, customer), partner)


def customer_decides(partner: str = "p1", customer: str = "c1", *, approve: bool = True, **changes: Any) -> Send:
    data: dict[str, Any] = {"actor": customer_user(customer), "approve": approve}
    command = DecideTermination(**data | changes)
    return Send(command, pair(partner, customer), partner)


REGISTERED: tuple[Step, ...] = (registered(), facts())
INVITED = (*REGISTERED, invite())
OPENED = (*INVITED, opened())
VERIFIED = (*OPENED, verified())
BOUND = (*VERIFIED, accept())
PENDING = (*BOUND, customer_asks())
IN_NOTICE = (registered(notice_days=30), *PENDING[1:], partner_decides())
TERMINATED = (*PENDING, partner_decides())
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

    def do(self, step: Step) -> list[Outcome]:
        match step:
            case Send():
                return [self.send(step)]
            case Wait():
                self.now += step.duration
            case Adopt():
                self.policy = step.policy
            case Deliver():
                outcomes = []
                while self.internal:
                    command = self.internal.pop(0)
                    outcomes.append(self.send(Send(command.command, command.subject, command.partner_id)))
                return outcomes
        return []

    def send(self, step: Send) -> Outcome:
        self.commands += 1
        message = CommandMessage(step.id or f"command-{self.commands}", step.subject, step.partner_id, step.command)
        before = self.load(message)
        result = outcome(before, message, Context(self.now, self.policy, token))
        if result.rejection is None:
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
        )

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
        for partner in self.partners.values():
            mine = [p for p in self.partnerships.values() if p.partner_id == partner.id]
            bound = sum(p.state.status in ("active", "ending") for p in mine)
            reserved = sum(p.state.status in ("invited", "switching") for p in mine)
            # Between the end of the old side and the binding of the new one nothing is counted twice or not at all.
            assert (partner.quota.bound, partner.quota.reserved) == (bound, reserved)
        for customer in self.customers.values():
            live = [
                p.id
                for p in self.partnerships.values()
                if p.customer_id == customer.id and p.state.status in ("active", "ending")
            ]
            assert len(live) <= 1
            if customer.switch is None:
                assert live == ([customer.live.partnership_id] if customer.live else [])

    def check_fold(self) -> None:
        """P4, as `verify` does it: each document alone, from the entries that name it, from what was stored."""
        folds: dict[tuple[type[Document], str], Document | None] = {}
        for entry in self.journal:
            for kind, document_id, rev in entry.changed:
                document: Any = folds.get((kind, document_id))
                for event in entry.events:
                    stored = as_stored(event.event)
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


EVOLVE: dict[type[Document], Any] = {
    Partner: evolve_partner,
    Customer: evolve_customer,
    Partnership: evolve_partnership,
}


def token(purpose: str, subject: str, number: int) -> str:
    """Stands for the HMAC; the core only compares it."""
    return f"{purpose}:{subject}:{number}"


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
