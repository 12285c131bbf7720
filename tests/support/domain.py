"""Stretches of a partnership's life, said to a running worker by somebody who knows no more than the topics tell."""

from datetime import UTC, datetime
from typing import Any

from tests.support import messages
from tests.support.tale import Tale

REASON = "our needs have changed"
PLATFORM_USER = {"kind": "platform", "party_id": "platform", "user_id": "petra", "role": "admin"}


def facts(
    customer: str, *partners: str, command_id: str | None = None, as_of: datetime | None = None, **changes: Any
) -> bytes:
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
    moment = (as_of or datetime.now(UTC)).isoformat()
    return messages.report_customer(customer, command_id, as_of=moment, facts={**whole, **changes}, dealings=dealings)


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


# The end --------------------------------------------------------------------------------------------------------------


def customer_requests(partnership: str, partner: str, customer: str, **data: Any) -> bytes:
    return _request(partnership, partner, _customer(customer), category="customer_request", **data)


def partner_requests(partnership: str, partner: str, **data: Any) -> bytes:
    plans = {"migration_plan": "export until the end of June", "alternative_service": "a direct account"}
    fields = {"category": "partner_business_adjustment", **plans, **data}
    return _request(partnership, partner, _partner(partner), **fields)


def platform_orders(partnership: str, partner: str) -> bytes:
    return _request(partnership, partner, PLATFORM_USER, category="policy_violation")


def customer_confirms(tale: Tale, partnership: str, partner: str, customer: str, **data: Any) -> bytes:
    """The customer has read the warnings that its draft names."""
    return _confirmation(tale, partnership, partner, _customer(customer), **data)


def partner_confirms(tale: Tale, partnership: str, partner: str, **data: Any) -> bytes:
    """The partner has read the warnings that its draft names."""
    return _confirmation(tale, partnership, partner, _partner(partner), **data)


def send_code(partnership: str, partner: str, customer: str) -> bytes:
    return messages.command("SendVerificationCode", f"send-{partnership}", partnership, partner, _customer(customer))


def code(tale: Tale, partnership: str) -> str:
    """The code as the customer gets it: from the text message that the notification system is to send."""
    (notice,) = [data for name, data in tale.events(f"send-{partnership}") if name == "NoticeSent"]
    assert (notice["party"], notice["channel"], notice["template"]) == ("customer", "sms", "verification_code")
    return str(notice["params"]["token"])


def enter_code(partnership: str, partner: str, customer: str, entered: str, command_id: str | None = None) -> bytes:
    name = command_id or f"enter-{partnership}"
    return messages.command("SubmitVerificationCode", name, partnership, partner, _customer(customer), code=entered)


def partner_decides(partnership: str, partner: str, **data: Any) -> bytes:
    return _decision(partnership, partner, _partner(partner), **data)


def customer_decides(tale: Tale, partnership: str, partner: str, customer: str, **data: Any) -> bytes:
    """The customer has read the warnings that the partner's request names."""
    version = tale.event(f"confirm-{partnership}", "TerminationDecisionRequested")["warning_version"]
    return _decision(partnership, partner, _customer(customer), **{"warning_version": version, **data})


def _customer(customer: str) -> dict[str, Any]:
    return {**messages.CUSTOMER_USER, "party_id": customer}


def _partner(partner: str) -> dict[str, Any]:
    return {**messages.PARTNER_USER, "party_id": partner}


def _request(partnership: str, partner: str, actor: dict[str, Any], **data: Any) -> bytes:
    return messages.command(
        "RequestTermination", f"end-{partnership}", partnership, partner, actor, **{"reason": REASON, **data}
    )


def _confirmation(tale: Tale, partnership: str, partner: str, actor: dict[str, Any], **data: Any) -> bytes:
    drafted = tale.event(f"end-{partnership}", "TerminationDrafted")
    fields = {
        "warning_version": drafted["rules"]["warning_version"],
        "checklist": {"warnings_read": True, "data_backed_up": True, "bill_checked": True, "support_known": True},
        **data,
    }
    return messages.command("ConfirmTermination", f"confirm-{partnership}", partnership, partner, actor, **fields)


def _decision(partnership: str, partner: str, actor: dict[str, Any], **data: Any) -> bytes:
    fields = {"approve": True, **data}
    return messages.command("DecideTermination", f"decide-{partnership}", partnership, partner, actor, **fields)
