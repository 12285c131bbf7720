"""What can stand in the way of an ending, with the remedy and who can bring it about (R74, R76)."""

from typing import Literal, NamedTuple

BlockItem = Literal[
    "ORDERS_AWAITING_PARTNER_PAYMENT",
    "INDEPENDENT_MEMBERS_ATTACHED",
    "ACCOUNT_IN_ARREARS",
    "RESERVED_INSTANCES_ACTIVE",
    "PARTNER_SUPPORT_PLAN_ACTIVE",
    "CURRENCY_NOT_SET",
    "SPECIAL_COMMERCE_CONTRACT",
    "SETTLEMENTS_OUTSTANDING",
    "MIGRATION_PLAN_MISSING",
    "ALTERNATIVE_SERVICE_MISSING",
    "ACCOUNT_FROZEN",
    "FACTS_UNKNOWN",
]


class Remedy(NamedTuple):
    """How a block is removed."""

    remedy: str
    who: str


REMEDIES: dict[BlockItem, Remedy] = {
    "ORDERS_AWAITING_PARTNER_PAYMENT": Remedy("Cancel the orders, or have the partner pay them.", "customer, partner"),
    "INDEPENDENT_MEMBERS_ATTACHED": Remedy("Disassociate all independent accounting members first.", "customer"),
    "ACCOUNT_IN_ARREARS": Remedy("Raise the credit limit so that the arrears are written off.", "partner"),
    "RESERVED_INSTANCES_ACTIVE": Remedy("Unsubscribe from the reserved instances.", "customer"),
    "PARTNER_SUPPORT_PLAN_ACTIVE": Remedy("Unsubscribe from the partner support plan.", "customer"),
    "CURRENCY_NOT_SET": Remedy("Set the currency in the account center.", "customer"),
    "SPECIAL_COMMERCE_CONTRACT": Remedy("Settle the special commerce contract with the partner offline.", "customer"),
    "SETTLEMENTS_OUTSTANDING": Remedy(
        "Complete all outstanding settlements, and the final bill of a former end.",
        "customer, partner, system, support",
    ),
    "MIGRATION_PLAN_MISSING": Remedy("Give the data migration plan with the request.", "partner"),
    "ALTERNATIVE_SERVICE_MISSING": Remedy("Arrange the alternative service and name it in the request.", "partner"),
    "ACCOUNT_FROZEN": Remedy("Have the account unfrozen.", "customer, platform"),
    "FACTS_UNKNOWN": Remedy("Wait until the systems of record have reported the account's state.", "system"),
}
