"""Stretches of a partnership's life, said to a running worker by somebody who knows no more than the topics tell."""

from datetime import UTC, datetime
from typing import Any

from tests.support import messages
from tests.support.tale import Tale

REASON = "our needs have changed"
PLATFORM_USER = {"kind": "platform", "party_id": "platform", "user_id": "petra", "role": "admin"}


def facts(customer: str, *partners: str, command_id: str | None = None, **changes: Any) -> bytes:
    """The customer's standing as of now: nothing is open, but for the changes."""
    whole = {
        "qualified": True,
        "compliant": True,
        "account_status": "active",
        "independent_members_attached": False,
        "account_in_arrears": False,
        "reserved_instances_active": False,
        "currency_set": True,
    }
    dealings = [
        {
            "partner_id": partner,
            "settlements_outstanding": False,
            "orders_awaiting_partner_payment": False,
            "partner_support_plan_active": False,
            "special_commerce_contract": False,
        }
        for partner in partners
    ]
    now = datetime.now(UTC).isoformat()
    return messages.report_customer(customer, command_id, as_of=now, facts={**whole, **changes}, dealings=dealings)


def token(tale: Tale, partnership: str) -> str:
    """The invitation's token, as the notification system learns it: from the notice, not from the secret."""
    notices = [data for name, data in tale.events(f"invite-{partnership}") if name == "NoticeSent"]
    return next(str(data["params"]["token"]) for data in notices if data["party"] == "customer")


def offer(tale: Tale, partnership: str, partner: str, customer: str, model: str = "reseller") -> None:
    """Invited, opened and verified: all that is missing is the customer's word."""
    assert tale.say(messages.invite(partnership, partner, model=model)) == ["accepted"]
    opened = messages.open_invitation(partnership, partner, token(tale, partnership), customer)
    verified = messages.verify_identity(partnership, partner, customer)
    assert tale.say(opened, verified) == ["accepted"] * 2


def bind(tale: Tale, partnership: str, partner: str, customer: str, model: str = "reseller") -> None:
    """From the partner's registration to the bond."""
    assert tale.say(messages.register_partner(partner), facts(customer, partner)) == ["accepted"] * 2
    offer(tale, partnership, partner, customer, model)
    assert tale.say(messages.accept(partnership, partner, customer)) == ["accepted"]


def customer_asks(partnership: str, partner: str, customer: str, **data: Any) -> bytes:
    actor = {**messages.CUSTOMER_USER, "party_id": customer}
    return _request(partnership, partner, actor, category="customer_request", **data)


def partner_asks(partnership: str, partner: str, **data: Any) -> bytes:
    actor = {**messages.PARTNER_USER, "party_id": partner}
    plans = {"migration_plan": "export until the end of June", "alternative_service": "a direct account"}
    return _request(partnership, partner, actor, category="partner_business_adjustment", **{**plans, **data})


def platform_orders(partnership: str, partner: str) -> bytes:
    return _request(partnership, partner, PLATFORM_USER, category="policy_violation")


def partner_decides(partnership: str, partner: str, **data: Any) -> bytes:
    actor = {**messages.PARTNER_USER, "party_id": partner}
    return _decision(partnership, partner, actor, **data)


def customer_decides(partnership: str, partner: str, customer: str, **data: Any) -> bytes:
    actor = {**messages.CUSTOMER_USER, "party_id": customer}
    return _decision(partnership, partner, actor, **data)


def _request(partnership: str, partner: str, actor: dict[str, Any], **data: Any) -> bytes:
    fields = {"reason": REASON, **data}
    return messages.command("RequestTermination", f"end-{partnership}", partnership, partner, actor, **fields)


def _decision(partnership: str, partner: str, actor: dict[str, Any], **data: Any) -> bytes:
    fields = {"approve": True, **data}
    return messages.command("DecideTermination", f"decide-{partnership}", partnership, partner, actor, **fields)
