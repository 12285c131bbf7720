"""Every status and stage meets every command: which it is accepted in, and with which code it is refused in the others."""

import pytest

from contracts.message import Command
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

OK = "accepted"
NOT_FOUND, STATUS = RejectionCode.NOT_FOUND, RejectionCode.NOT_ALLOWED_IN_STATUS
SWITCH, READ_ONLY = RejectionCode.SWITCH_IN_PROGRESS, RejectionCode.PARTNERSHIP_READ_ONLY
UNVERIFIED, EXHAUSTED = RejectionCode.IDENTITY_NOT_VERIFIED, RejectionCode.VERIFICATION_EXHAUSTED
OPEN, NONE = RejectionCode.REQUEST_ALREADY_OPEN, RejectionCode.NO_OPEN_REQUEST

#                nothing    sent        opened      verified  prompted  switching  active  pending  in_notice  terminated  declined  cancelled  expired
TABLE: dict[str, tuple[str, ...]] = {
    "RegisterPartner": (STATUS,) * 13,
    "ReportPartnerStanding": (OK,) * 13,
    "ReportCustomerStanding": (OK,) * 13,
    "InviteCustomer": (
        OK,
        STATUS,
        STATUS,
        STATUS,
        STATUS,
        SWITCH,
        STATUS,
        STATUS,
        STATUS,
        READ_ONLY,
        STATUS,
        STATUS,
        EXHAUSTED,
    ),  # fmt: skip
    "OpenInvitation": (
        NOT_FOUND,
        OK,
        OK,
        OK,
        OK,
        SWITCH,
        STATUS,
        STATUS,
        STATUS,
        READ_ONLY,
        STATUS,
        STATUS,
        EXHAUSTED,
    ),  # fmt: skip
    "RecordIdentityVerification": (
        NOT_FOUND,
        STATUS,
        OK,
        STATUS,
        STATUS,
        SWITCH,
        STATUS,
        STATUS,
        STATUS,
        READ_ONLY,
        STATUS,
        STATUS,
        EXHAUSTED,
    ),  # fmt: skip
    "AcceptInvitation": (
        NOT_FOUND,
        UNVERIFIED,
        UNVERIFIED,
        OK,
        OK,
        SWITCH,
        STATUS,
        STATUS,
        STATUS,
        READ_ONLY,
        STATUS,
        STATUS,
        EXHAUSTED,
    ),  # fmt: skip
    "DeclineInvitation": (
        NOT_FOUND,
        OK,
        OK,
        OK,
        OK,
        SWITCH,
        STATUS,
        STATUS,
        STATUS,
        READ_ONLY,
        STATUS,
        STATUS,
        EXHAUSTED,
    ),  # fmt: skip
    "CancelInvitation": (
        NOT_FOUND,
        OK,
        OK,
        OK,
        OK,
        SWITCH,
        STATUS,
        STATUS,
        STATUS,
        READ_ONLY,
        STATUS,
        STATUS,
        EXHAUSTED,
    ),  # fmt: skip
    "RequestTermination": (
        NOT_FOUND,
        STATUS,
        STATUS,
        STATUS,
        STATUS,
        SWITCH,
        OK,
        OPEN,
        OPEN,
        READ_ONLY,
        STATUS,
        STATUS,
        EXHAUSTED,
    ),  # fmt: skip
    "DecideTermination": (
        NOT_FOUND,
        STATUS,
        STATUS,
        STATUS,
        STATUS,
        SWITCH,
        NONE,
        OK,
        NONE,
        READ_ONLY,
        STATUS,
        STATUS,
        EXHAUSTED,
    ),  # fmt: skip
}


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
    kinds: list[type[Command]] = list(COMMANDS.values())
    assert set(TABLE) == {kind.__name__ for kind in kinds}
    assert {len(row) for row in TABLE.values()} == {len(SITUATIONS)}


@pytest.mark.requirement("R109", "R118")
@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_command_in_a_status(name: str, situation: str) -> None:
    expected = TABLE[name][list(SITUATIONS).index(situation)]
    partner = "p2" if situation in ("prompted", "switching") else "p1"

    story = given(*SITUATIONS[situation]).when(command(name, partner))

    assert (story.rejection.code if story.rejection else OK) == expected
