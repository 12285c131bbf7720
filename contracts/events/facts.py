"""Partners and customers, as other systems report them."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.agreement import Overrides
from contracts.base import Contract, Count, EMail, Id, Moment, ShortText
from contracts.events.partnership import Why
from contracts.message import Event
from contracts.standing import BillingCycle, Fact, FactName
from contracts.terms import Language, PartnerStatus
from contracts.topics import TopicName

PartnerFactName = Literal["status", "negative_records", "quota_limit", "agreement", "name", "contact_email", "language"]


class PartnerContact(Contract):
    """How a partner is called and written to."""

    name: ShortText = ""
    contact_email: EMail = ""


class PartnerRegistered(Event):
    """A partner has joined. Its quota is told by the QuotaUpdated that follows."""

    TOPIC: ClassVar[TopicName] = TopicName.LIFECYCLE_EVENTS
    SUBJECT = "partner"

    partner_id: Id
    status: PartnerStatus = "active"
    language: Language
    notice_days: Count | None = None
    private: PartnerContact | None = Field(default=None, exclude=True)


class PartnerStandingRecorded(Event):
    """A report about a partner: what was `recorded`, and what was older than what is known (`superseded`)."""

    TOPIC: ClassVar[TopicName] = TopicName.LIFECYCLE_EVENTS
    SUBJECT = "partner"

    partner_id: Id
    as_of: Moment
    status: PartnerStatus
    negative_records: Count
    language: Language | None = None
    """Where it has changed."""
    recorded: tuple[PartnerFactName, ...]
    superseded: tuple[PartnerFactName, ...]
    private: PartnerContact | None = Field(default=None, exclude=True)


class AgreementContacts(Contract):
    """Whom a partner's customers find at the partner."""

    management_team: tuple[ShortText, ...] = ()
    support_contact: ShortText = ""


class AgreementUpdated(Event):
    """A report about a partner's agreement. `superseded`: it was older than what is known, and changed nothing."""

    TOPIC: ClassVar[TopicName] = TopicName.LIFECYCLE_EVENTS
    SUBJECT = "partner"

    partner_id: Id
    as_of: Moment
    superseded: bool
    ends_at: Moment | None = None
    overrides: Overrides = Overrides()
    private: AgreementContacts | None = Field(default=None, exclude=True)


class ExtraRequestGranted(Event):
    """The platform allows the customer one termination request more (R62, C4)."""

    TOPIC: ClassVar[TopicName] = TopicName.LIFECYCLE_EVENTS
    SUBJECT = "customer"

    customer_id: Id
    extra_requests: Count
    private: Why | None = Field(default=None, exclude=True)


class RecordedFacts(Contract):
    """The facts themselves: a customer's arrears are nobody else's business."""

    facts: tuple[Fact, ...] = ()
    billing_cycle: BillingCycle | None = None
    registered_email: EMail | None = None
    registered_phone: ShortText | None = None


class CustomerStandingRecorded(Event):
    """A report about a customer: what was `recorded`, and what was older than what is known (`superseded`)."""

    TOPIC: ClassVar[TopicName] = TopicName.LIFECYCLE_EVENTS
    SUBJECT = "customer"

    customer_id: Id
    as_of: Moment
    recorded: Annotated[tuple[FactName, ...], Field(max_length=128)]
    superseded: Annotated[tuple[FactName, ...], Field(max_length=128)]
    private: RecordedFacts | None = Field(default=None, exclude=True)


class QuotaUpdated(Event):
    """How many customers a partner may have, has, and has room reserved for (R59)."""

    TOPIC: ClassVar[TopicName] = TopicName.QUOTA_EVENTS
    SUBJECT = "partner"

    partner_id: Id
    limit: Count
    bound: Count
    reserved: Count
    cause: Literal[
        "partner_registered",
        "limit_changed",
        "invitation_sent",
        "invitation_closed",
        "partnership_bound",
        "partnership_terminated",
        "partnership_reactivated",
        "switch_started",
        "switch_aborted",
    ]
