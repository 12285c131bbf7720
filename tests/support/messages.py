"""Commands as a producer writes them: plain JSON, made without the contract's classes, so that these are judged too."""

import json
from typing import Any

PARTNER_USER = {"kind": "partner", "user_id": "paula", "role": "admin"}
CUSTOMER_USER = {"kind": "customer", "user_id": "carl", "role": "admin"}
SYSTEM = {"kind": "system", "party_id": "registry", "user_id": "registry", "role": "admin"}

FACTS = "partnership.facts"
INVITATION = "partnership.invitation.commands"
TERMINATION = "partnership.termination.commands"


def command(name: str, command_id: str, subject: str, partner: str, actor: dict[str, Any], /, **data: Any) -> bytes:
    """One CloudEvent."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": command_id,
            "source": "/tests",
            "type": f"partnerships.{name}.v1",
            "subject": subject,
            "partitionkey": partner,
            "time": "2026-01-01T00:00:00Z",
            "data": {"actor": actor, **data},
        }
    ).encode()


def register_partner(partner: str, command_id: str | None = None, **data: Any) -> bytes:
    fields = {
        "name": f"{partner} Ltd",
        "contact_email": f"desk@{partner}.example",
        "quota_limit": 1000,
        "notice_days": 0,
    }
    return command(
        "RegisterPartner", command_id or f"register-{partner}", partner, partner, SYSTEM, **{**fields, **data}
    )


def report_customer(customer: str, command_id: str | None = None, **data: Any) -> bytes:
    facts = {
        "qualified": True,
        "compliant": True,
        "account_status": "active",
        "independent_members_attached": False,
        "account_in_arrears": False,
        "reserved_instances_active": False,
        "currency_set": True,
    }
    fields = {"as_of": "2026-01-01T00:00:00Z", "facts": facts, **data}
    return command("ReportCustomerStanding", command_id or f"standing-{customer}", customer, customer, SYSTEM, **fields)


def invite(partnership: str, partner: str, command_id: str | None = None, **data: Any) -> bytes:
    fields = {
        "purpose": "new_customer_acquisition",
        "model": "referral",
        "legal_name": f"{partnership} GmbH",
        "contact_person": "Carl",
        "email": f"it@{partnership}.example",
        "phone": "+49 30 1",
        "requirements": "20 servers",
        "estimated_volume": "10000 EUR a month",
        "standards_version": "1",
    }
    actor = {**PARTNER_USER, "party_id": partner}
    return command(
        "InviteCustomer", command_id or f"invite-{partnership}", partnership, partner, actor, **{**fields, **data}
    )


def decline(partnership: str, partner: str, command_id: str | None = None) -> bytes:
    actor = {**CUSTOMER_USER, "party_id": f"customer-of-{partnership}"}
    return command(
        "DeclineInvitation", command_id or f"decline-{partnership}", partnership, partner, actor, reason="no need now"
    )


def cancel(partnership: str, partner: str, command_id: str | None = None) -> bytes:
    actor = {**PARTNER_USER, "party_id": partner}
    return command(
        "CancelInvitation", command_id or f"cancel-{partnership}", partnership, partner, actor, reason="sent in error"
    )


def open_invitation(partnership: str, partner: str, token: str, customer: str, command_id: str | None = None) -> bytes:
    actor = {**CUSTOMER_USER, "party_id": customer}
    return command("OpenInvitation", command_id or f"open-{partnership}", partnership, partner, actor, token=token)


def verify_identity(partnership: str, partner: str, customer: str, command_id: str | None = None) -> bytes:
    return command(
        "RecordIdentityVerification",
        command_id or f"verify-{partnership}",
        partnership,
        partner,
        SYSTEM,
        customer_id=customer,
        legal_name=f"{partnership} GmbH",
        registered_email=f"it@{partnership}.example",
        registered_phone="+49 30 1000",
        passed=True,
    )


def accept(partnership: str, partner: str, customer: str, command_id: str | None = None, **data: Any) -> bytes:
    actor = {**CUSTOMER_USER, "party_id": customer}
    fields = {"consent_version": "1", **data}
    return command("AcceptInvitation", command_id or f"accept-{partnership}", partnership, partner, actor, **fields)
