"""What other systems report about partners and customers. Key and subject are the partner, or the customer."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.agreement import Overrides
from contracts.base import Contract, Count, EMail, Moment, ShortText
from contracts.message import Command
from contracts.standing import BillingCycle, Dealings
from contracts.terms import AccountStatus, Language, PartnerStatus
from contracts.topics import TopicName


class RegisterPartner(Command):
    """A partner joins the programme, with a quota of customers. Its agreement may override the notice period."""

    TOPIC: ClassVar[TopicName] = TopicName.FACTS

    name: ShortText
    contact_email: EMail
    language: Language = "en"
    quota_limit: Count
    notice_days: Annotated[int, Field(ge=0, le=366)] | None = None


class ReportPartnerStanding(Command):
    """What was true of a partner at `as_of`; what is left out is not reported (R3, R4)."""

    TOPIC: ClassVar[TopicName] = TopicName.FACTS

    as_of: Moment
    status: PartnerStatus | None = None
    negative_records: Count | None = None
    quota_limit: Count | None = None
    name: ShortText | None = None
    contact_email: EMail | None = None
    """Where notices go from now on (R29, R60)."""
    language: Language | None = None


class UpdateAgreement(Command):
    """The partner's agreement as of `as_of`, whole (R41): what it leaves out, also of the registration, is over.

    When it ends, what it decides instead of the policy, and whom customers find at the partner (R35, R117).
    """

    TOPIC: ClassVar[TopicName] = TopicName.FACTS

    as_of: Moment
    ends_at: Moment | None = None
    overrides: Overrides = Overrides()
    management_team: Annotated[tuple[ShortText, ...], Field(max_length=16)] = ()
    support_contact: ShortText = ""


class CustomerFacts(Contract):
    """What concerns the customer as a whole (R6, R7, R64 to R66, R68)."""

    qualified: bool | None = None
    compliant: bool | None = None
    account_status: AccountStatus | None = None
    independent_members_attached: bool | None = None
    account_in_arrears: bool | None = None
    reserved_instances_active: bool | None = None
    currency_set: bool | None = None


class ReportCustomerStanding(Command):
    """What was true of a customer at `as_of`; what is left out is not reported (R6, R7, R44, R63 to R69)."""

    TOPIC: ClassVar[TopicName] = TopicName.FACTS

    as_of: Moment
    facts: CustomerFacts = CustomerFacts()
    dealings: Annotated[tuple[Dealings, ...], Field(max_length=16)] = ()
    billing_cycle: BillingCycle | None = None
    """The customer's current one (R101)."""
    registered_email: EMail | None = None
    """Where its notices and codes go from now on (R29, R60, R77); of a customer that was verified."""
    registered_phone: ShortText | None = None
