"""Every status and stage meets every command: accepted, or refused with which code."""

import pytest

from contracts.registry import COMMANDS
from contracts.rejections import RejectionCode
from tests.situations import SITUATIONS, command, partner_in
from tests.states import FILE, NAMES, outcome_of, page
from tests.story import given

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
                            nothing sent   opened verified prompted switching active pending in_notice closing    declined cancelled expired
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


def test_the_table_has_the_commands_that_everything_turns_on() -> None:
    assert set(TABLE) <= {kind.__name__ for kind in COMMANDS.values()}
    assert set(HEAD) <= set(SITUATIONS)


@pytest.mark.requirement("R109", "R118")
@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("situation", HEAD)
def test_a_command_in_a_status(name: str, situation: str) -> None:
    story = given(*SITUATIONS[situation]).when(command(name, partner_in(situation)))

    assert (story.rejection.code if story.rejection else "accepted") == TABLE[name][situation]


@pytest.mark.requirement("R109", "R116", "R118")
def test_the_page_of_all_situations_and_commands_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == page(), "run python -m tests.states"


@pytest.mark.requirement("R118", "R116")
def test_an_ended_partnership_can_be_looked_at_hidden_and_closed_and_nothing_else() -> None:
    closing = {
        "HidePartnership",
        "ShowPartnership",
        "RecordBusinessData",
        "RecordNotificationOutcome",
        "RecordClosingStep",
        "RecordFinalBill",
        "ConfirmFinalBill",
        "DisputeFinalBill",
        "ResolveDispute",
        "RequestDataExport",
        "RecordDataExport",
        "PlaceLegalHold",
        "ReleaseLegalHold",
        "RequestReactivation",
        "AnswerReactivation",
    }
    about_others = {"ReportPartnerStanding", "ReportCustomerStanding", "UpdateAgreement", "GrantExtraRequest"}
    for situation in ("closing", "billed", "done"):
        accepted = {name for name in NAMES if outcome_of(name, situation) == "ok"}
        assert accepted <= closing | about_others
