"""Facts that other systems report about a customer, each with the time at which it was true."""

from typing import Literal

from contracts.base import Contract, Id, Moment
from contracts.terms import AccountStatus

FactName = Literal[
    "qualified",
    "compliant",
    "account_status",
    "independent_members_attached",
    "account_in_arrears",
    "reserved_instances_active",
    "currency_set",
    "settlements_outstanding",
    "orders_awaiting_partner_payment",
    "partner_support_plan_active",
    "special_commerce_contract",
]


class Dealings(Contract):
    """What is open between the customer and one partner (R44, R63, R67, R69)."""

    partner_id: Id
    settlements_outstanding: bool | None = None
    orders_awaiting_partner_payment: bool | None = None
    partner_support_plan_active: bool | None = None
    special_commerce_contract: bool | None = None


class BillingCycle(Contract):
    """From when to when the customer is billed at a time (R101)."""

    starts_at: Moment
    ends_at: Moment


class Fact(Contract):
    """One reported fact. `partner_id` is there when it is about the customer's dealings with that partner only."""

    name: FactName
    partner_id: Id | None = None
    value: bool | AccountStatus
    as_of: Moment
