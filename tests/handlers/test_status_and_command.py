"""Every status and stage meets every command: accepted, or refused with which code."""

import pytest

from contracts.registry import COMMANDS
from contracts.rejections import RejectionCode
from tests.story import (
    BOUND,
    IN_NOTICE,
    INVITED,
    OPENED,
    PENDING,
    PROMPTED,
    REGISTERED,
    SWITCHING,
    TERMINATED,
    VERIFIED,
    Send,
    Step,
    cancel,
    customer_asks,
    decline,
    facts,
    given,
    invite,
    opened,
    partner_decides,
    partner_is,
    registered,
    switch,
    verified,
)

SITUATIONS: dict[str, tuple[Step, ...]] = {
    "nothing": REGISTERED,
    "sent": (*REGISTERED, invite(customer_id="c1")),
    "opened": OPENED,
    "verified": VERIFIED,
    "prompted": PROMPTED,
    "switching": SWITCHING,
    "active": BOUND,
    "pending": PENDING,
    "in_notice": IN_NOTICE,
    "terminated": TERMINATED,
    "declined": (*OPENED, decline()),
    "cancelled": (*INVITED, cancel()),
    "expired": (*OPENED, *(verified(passed=False),) * 5),
}

CODES = {
    "ok": "accepted",
    "-": RejectionCode.NOT_FOUND,
    "status": RejectionCode.NOT_ALLOWED_IN_STATUS,
    "switch": RejectionCode.SWITCH_IN_PROGRESS,
    "read": RejectionCode.PARTNERSHIP_READ_ONLY,
    "ident": RejectionCode.IDENTITY_NOT_VERIFIED,
    "spent": RejectionCode.VERIFICATION_EXHAUSTED,
    "open": RejectionCode.REQUEST_ALREADY_OPEN,
    "none": RejectionCode.NO_OPEN_REQUEST,
}

ROWS = """
                            nothing sent   opened verified prompted switching active pending in_notice terminated declined cancelled expired
RegisterPartner             status  status status status   status   status    status status  status    status     status   status    status
ReportPartnerStanding       ok      ok     ok     ok       ok       ok        ok     ok      ok        ok         ok       ok        ok
ReportCustomerStanding      ok      ok     ok     ok       ok       ok        ok     ok      ok        ok         ok       ok        ok
InviteCustomer              ok      status status status   status   switch    status status  status    read       status   status    spent
OpenInvitation              -       ok     ok     ok       ok       switch    status status  status    read       status   status    spent
RecordIdentityVerification  -       status ok     status   status   switch    status status  status    read       status   status    spent
AcceptInvitation            -       ident  ident  ok       ok       switch    status status  status    read       status   status    spent
DeclineInvitation           -       ok     ok     ok       ok       switch    status status  status    read       status   status    spent
CancelInvitation            -       ok     ok     ok       ok       switch    status status  status    read       status   status    spent
RequestTermination          -       status status status   status   switch    ok     open    open      read       status   status    spent
DecideTermination           -       status status status   status   switch    none   ok      none      read       status   status    spent
"""  # noqa: E501 - a table
HEAD, *BODY = (line.split() for line in ROWS.strip().splitlines())
TABLE = {name: dict(zip(HEAD, (CODES[cell] for cell in cells), strict=True)) for name, *cells in BODY}


def command(name: str, partner: str) -> Send:
    """A command that nothing but the status can be against."""
    sends: dict[str, Send] = {
        "RegisterPartner": registered(partner),
        "ReportPartnerStanding": partner_is(partner, status="active"),
        "ReportCustomerStanding": facts(),
        "InviteCustomer": invite(partner),
        "OpenInvitation": opened(partner),
        "RecordIdentityVerification": verified(partner),
        "AcceptInvitation": switch(partner),
        "DeclineInvitation": decline(partner),
        "CancelInvitation": cancel(partner),
        "RequestTermination": customer_asks(partner),
        "DecideTermination": partner_decides(partner),
    }
    return sends[name]


def test_the_table_has_every_command_and_situation() -> None:
    assert set(TABLE) == {kind.__name__ for kind in COMMANDS.values()}
    assert list(SITUATIONS) == HEAD


@pytest.mark.requirement("R109", "R118")
@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_command_in_a_status(name: str, situation: str) -> None:
    partner = "p2" if situation in ("prompted", "switching") else "p1"

    story = given(*SITUATIONS[situation]).when(command(name, partner))

    assert (story.rejection.code if story.rejection else "accepted") == TABLE[name][situation]
