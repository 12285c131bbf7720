"""What billing is to do, and how the final bill stands (R57, R101 to R105)."""

from typing import ClassVar, Literal

from pydantic import Field

from contracts.base import Count, Id, Moment, ShortText
from contracts.business import Amount, BillPeriod, Currency
from contracts.events.partnership import Why
from contracts.message import Event
from contracts.standing import BillingCycle
from contracts.terms import BillingMode
from contracts.topics import TopicName


class BillingEvent(Event):
    """What all of them have."""

    TOPIC: ClassVar[TopicName] = TopicName.BILLING_EVENTS

    partner_id: Id
    customer_id: Id


class BillingSwitched(BillingEvent):
    """Who bills the customer from now on (R57)."""

    from_mode: BillingMode
    from_partner_id: Id | None = None
    to_mode: BillingMode
    to_partner_id: Id | None = None


class FinalBillRequested(BillingEvent):
    """A final bill, please (R103); `prorate`: what was paid for the rest of the cycle is given back (R102)."""

    number: Count = 1
    """The first, second ... end of this partnership."""
    takes_in: Literal["requested", "recorded", "disputed"] | None = None
    """How the former end's bill stands, if it is open: this one takes it in, and a dispute about it is over."""
    cycle: BillingCycle | None = None
    """The customer's current one, where it was reported."""
    prorate: bool


class FinalBillRecorded(BillingEvent):
    """The final bill is there for the customer to check (R103, R104)."""

    amount: Amount
    currency: Currency
    period: BillPeriod
    confirm_by: Moment


class FinalBillConfirmed(BillingEvent):
    """The bill is right; `automatic`: nobody has said otherwise in time (R104)."""

    automatic: bool


class FinalBillWaived(BillingEvent):
    """The platform does without it: nobody waits for the bill any more, nor collects it (R103)."""

    amount: Amount
    currency: Currency


class FinalBillDisputed(BillingEvent):
    """The customer doubts the bill; support checks it (R105)."""

    private: Why | None = Field(default=None, exclude=True)


class DisputeResolved(BillingEvent):
    """Support has checked the bill: this is its amount, for the customer to confirm (R105)."""

    amount: Amount
    currency: Currency = "XXX"
    confirm_by: Moment
    private: Why | None = Field(default=None, exclude=True)


class RefundRequested(BillingEvent):
    """A balance in the customer's favour is to be paid out (R102)."""

    amount: Amount
    currency: Currency
    reference: ShortText
