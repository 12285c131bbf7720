"""Who may give which command: a table by hand, and each command given by each party and role where it is possible.

It is not made from the code, so that a party or a role that was added or taken away there is seen here.
"""

from typing import Any

import pytest

from contracts.commands.binding import HidePartnership, ProposeModification
from contracts.commands.closing import RecordClosingStep, RequestDataExport, RequestReactivation
from contracts.commands.facts import UpdateAgreement
from contracts.commands.termination import OnBehalf, SendVerificationCode
from contracts.details import Changes
from contracts.message import SYSTEM, Actor, Party, Role, Route
from contracts.registry import COMMANDS
from contracts.rejections import RejectionCode
from tests.situations import SITUATIONS, WHY, command
from tests.story import (
    BOUND,
    CODE_NEEDED,
    CODE_SENT,
    DRAFTED,
    INVITED,
    NOON,
    OPENED,
    PENDING,
    PLATFORM,
    REGISTERED,
    SUPPORT,
    TERMINATED,
    VERIFIED,
    Enter,
    Send,
    Step,
    by_customer,
    by_partner,
    by_system,
    customer_user,
    decline,
    delivered,
    facts,
    given,
    invite,
    opened,
    partner_asks,
    partner_confirms,
    partner_is,
    partner_requests,
    partner_user,
    platform_ends,
    policy,
    reached,
    registered,
    verified,
)

# The lowest role of a partner's and of a customer's users, and which others; "-" is nobody.
ROWS = """
RegisterPartner            -        -        platform system
ReportPartnerStanding      -        -        platform system
UpdateAgreement            -        -        platform system
ReportCustomerStanding     -        -        platform system
InviteCustomer             operator admin    -
ResendInvitation           operator -        -
OpenInvitation             -        viewer   -
RecordIdentityVerification -        -        system
AcceptInvitation           admin    admin    -
DeclineInvitation          operator operator -
CancelInvitation           operator operator -
RecordActivation           -        -        system
ConfigurePermissions       admin    admin    -
ChooseBilling              -        admin    -
UpdateCustomerInfo         operator operator -
AssignContacts             operator -        -
ProposeModification        operator operator -
AnswerModification         admin    admin    platform
RecordBusinessData         -        -        system
RecordNotificationOutcome  -        -        system
SuspendPartnership         -        -        platform
ResumePartnership          -        -        platform
HidePartnership            viewer   viewer   -
ShowPartnership            viewer   viewer   -
CheckTermination           operator operator support
RequestTermination         admin    admin    platform support
ConfirmTermination         admin    admin    support
SendVerificationCode       admin    admin    support
SubmitVerificationCode     admin    admin    support
DecideTermination          admin    admin    platform
WithdrawTermination        admin    admin    platform support
WaiveBlock                 -        -        platform
GrantExtraRequest          -        -        platform
RecordClosingStep:done     -        -        system
RecordClosingStep:failed   -        -        system
RecordClosingStep:retry    -        -        platform
RecordClosingStep:waived   -        -        platform
RecordFinalBill            -        -        system
ConfirmFinalBill           -        admin    -
DisputeFinalBill           -        admin    -
ResolveDispute             -        -        support
RequestDataExport          -        admin    -
RecordDataExport:done      -        -        system
RecordDataExport:failed    -        -        platform system
PlaceLegalHold             -        -        platform
ReleaseLegalHold           -        -        platform
RequestReactivation        admin    admin    -
AnswerReactivation         admin    admin    platform
"""
SPLIT = [line.split() for line in ROWS.strip().splitlines()]
LOWEST = {name: {Party.PARTNER: partner, Party.CUSTOMER: customer} for name, partner, customer, *_ in SPLIT}
OTHERS = {name: set(others) - {"-"} for name, _, _, *others in SPLIT}
SHOWS = {
    "InviteCustomer": ("R2", "R84"),
    "AcceptInvitation": ("R26", "R84", "R128"),
    "ConfigurePermissions": ("R33", "R84"),
    "ProposeModification": ("R84", "R129"),
    "AnswerModification": ("R84", "R129"),
    "HidePartnership": ("R119", "R123"),
    "ShowPartnership": ("R119", "R123"),
    "RequestTermination": ("R82", "R83", "R113", "R130"),
    "ConfirmTermination": ("R82", "R83", "R95", "R113", "R130"),
    "SendVerificationCode": ("R77", "R83"),
    "SubmitVerificationCode": ("R77", "R83"),
    "DecideTermination": ("R80", "R81", "R83"),
    "WithdrawTermination": ("R83", "R113"),
    "RecordFinalBill": ("R103",),
    "ConfirmFinalBill": ("R84", "R104"),
    "DisputeFinalBill": ("R84", "R105"),
    "ResolveDispute": ("R105",),
    "RequestDataExport": ("R84", "R97"),
    "RecordDataExport:done": ("R97",),
    "RequestReactivation": ("R83", "R99"),
    "AnswerReactivation": ("R83", "R99"),
}
EACH = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.requirement(*SHOWS.get(name, ()))]) for name in LOWEST]
)

# ------------------------------------------------------------------------------------------------- where it is possible

FAILED = (*TERMINATED, by_system(RecordClosingStep, step="data", outcome="failed"))
EXPORTING = (*BOUND, by_customer(RequestDataExport))
FREE = (registered(), registered("p3"), facts(), invite("p3"), opened("p3"), verified("p3"), decline("p3"))
EITHER_OFFERS = policy(who_may_offer=("partner", "customer"))
OFFERS: dict[str, Any] = {"customer_id": "c1", "consent_version": "1", "standards_version": None}
OFFERED = (*FREE, EITHER_OFFERS, invite(actor=customer_user(), **OFFERS))
PARTNERS_DRAFT = (*BOUND, policy(code_of={"reseller": ("customer", "partner"), "referral": ()}), partner_requests())
PARTNERS_CODE = (*PARTNERS_DRAFT, partner_confirms(), by_partner(SendVerificationCode))
PROPOSED: dict[str, Any] = {"changes": Changes(terms="five per cent more")}
ASKED_BACK = {"consent_version": "1"}
ENDS_AT_NOON = Send(UpdateAgreement(actor=SYSTEM, as_of=NOON, ends_at=NOON), "p1", "p1")
IN_ARREARS = facts(account_in_arrears=True)
STALLED_BY_THE_AGREEMENT = (*BOUND, IN_ARREARS, ENDS_AT_NOON, delivered(), reached("agreement_end"))

WHERE: dict[str, tuple[Step, ...]] = {
    "RegisterPartner": (),
    "ReportPartnerStanding": REGISTERED,
    "UpdateAgreement": REGISTERED,
    "ReportCustomerStanding": REGISTERED,
    "InviteCustomer": REGISTERED,
    "ResendInvitation": INVITED,
    "OpenInvitation": INVITED,
    "RecordIdentityVerification": OPENED,
    "AcceptInvitation": VERIFIED,
    "DeclineInvitation": VERIFIED,
    "CancelInvitation": VERIFIED,
    "AnswerModification": (*BOUND, by_customer(ProposeModification, **PROPOSED)),
    "ResumePartnership": SITUATIONS["suspended"],
    "ShowPartnership": TERMINATED,
    "ConfirmTermination": DRAFTED,
    "SendVerificationCode": CODE_NEEDED,
    "SubmitVerificationCode": CODE_SENT,
    "DecideTermination": PENDING,
    "WithdrawTermination": PENDING,
    "RecordClosingStep:done": TERMINATED,
    "RecordClosingStep:failed": TERMINATED,
    "RecordClosingStep:retry": FAILED,
    "RecordClosingStep:waived": FAILED,
    "RecordFinalBill": TERMINATED,
    "ConfirmFinalBill": SITUATIONS["billed"],
    "DisputeFinalBill": SITUATIONS["billed"],
    "ResolveDispute": SITUATIONS["bill disputed"],
    "RecordDataExport:done": EXPORTING,
    "RecordDataExport:failed": EXPORTING,
    "ReleaseLegalHold": SITUATIONS["under legal hold"],
    "RequestReactivation": TERMINATED,
    "AnswerReactivation": (*TERMINATED, by_customer(RequestReactivation, **ASKED_BACK)),
}
"""Where that is not `active`."""
TURN: dict[tuple[str, Party], tuple[Step, ...]] = {
    ("InviteCustomer", Party.CUSTOMER): (*FREE, EITHER_OFFERS),
    ("AcceptInvitation", Party.PARTNER): OFFERED,
    ("DeclineInvitation", Party.PARTNER): OFFERED,
    ("CancelInvitation", Party.CUSTOMER): OFFERED,
    ("AnswerModification", Party.CUSTOMER): (*BOUND, by_partner(ProposeModification, **PROPOSED)),
    ("AnswerModification", Party.PLATFORM): (*WHERE["AnswerModification"], partner_is(status="closed")),
    ("ShowPartnership", Party.PARTNER): (*BOUND, by_partner(HidePartnership)),
    ("ConfirmTermination", Party.PARTNER): PARTNERS_DRAFT,
    ("SendVerificationCode", Party.PARTNER): PARTNERS_CODE[:-1],
    ("SubmitVerificationCode", Party.PARTNER): PARTNERS_CODE,
    ("DecideTermination", Party.CUSTOMER): (*BOUND, partner_asks()),
    ("DecideTermination", Party.PLATFORM): SITUATIONS["pending, escalated"],
    ("WithdrawTermination", Party.PARTNER): (*BOUND, partner_asks()),
    ("WithdrawTermination", Party.PLATFORM): STALLED_BY_THE_AGREEMENT,
    ("AnswerReactivation", Party.CUSTOMER): (*TERMINATED, by_partner(RequestReactivation, **ASKED_BACK)),
    ("AnswerReactivation", Party.PLATFORM): (*BOUND, platform_ends(), by_partner(RequestReactivation, **ASKED_BACK)),
}
"""Where one party's turn comes in another situation than the others'."""
IN_ITS_WORDS: dict[tuple[str, Party], dict[str, Any]] = {
    ("InviteCustomer", Party.CUSTOMER): OFFERS,
    ("RequestTermination", Party.PARTNER): {
        "category": "partner_business_adjustment",
        "migration_plan": "export by March",
        "alternative_service": "direct account",
    },
    ("RequestTermination", Party.PLATFORM): {"category": "policy_violation"},
    ("ConfirmTermination", Party.SUPPORT): {"caller_consents": True},
    ("DecideTermination", Party.CUSTOMER): {"warning_version": "1"},
}
"""What one party says otherwise than the others."""
CALLER = OnBehalf(side="customer", account_id="c1", registered_email="office@c1.example")


def situation(name: str, party: Party) -> tuple[Step, ...]:
    """Where this party can give it, or where others can."""
    return TURN.get((name, party), WHERE.get(name, BOUND))


def by(actor: Actor, name: str) -> Send | Enter:
    """The command as this one gives it; a row's outcome stands behind the colon."""
    what, _, outcome = name.partition(":")
    changes: dict[str, Any] = {"actor": actor} | IN_ITS_WORDS.get((what, actor.kind), {})
    if outcome:
        changes |= {"outcome": outcome, "reason": WHY} if what == "RecordClosingStep" else {"outcome": outcome}
    given_as = command(what)
    whole = given_as.send if isinstance(given_as, Enter) else given_as
    if actor.kind is Party.SUPPORT and "on_behalf" in type(whole.command).model_fields:
        changes |= {"route": Route.ASSISTED_PHONE, "on_behalf": CALLER}
    asked = whole.but(**changes)
    return Enter(asked) if isinstance(given_as, Enter) else asked


def users(party: Party, *roles: str) -> list[Actor]:
    user = partner_user if party is Party.PARTNER else customer_user
    return [user(role=Role(role)) for role in roles]


FROM = {
    "-": [],
    "admin": ["admin"],
    "operator": ["admin", "operator"],
    "viewer": ["admin", "operator", "viewer"],
}
"""The lowest role, and those that may what it may."""
NO_USERS = {Party.PLATFORM: PLATFORM, Party.SUPPORT: SUPPORT, Party.SYSTEM: SYSTEM}


def test_every_command_has_its_rows() -> None:
    assert {name.partition(":")[0] for name in LOWEST} == {kind.__name__ for kind in COMMANDS.values()}


@EACH
def test_whoever_may_give_it_is_not_turned_away(name: str) -> None:
    some = [actor for party, lowest in LOWEST[name].items() for actor in users(party, *FROM[lowest])]
    for actor in (*some, *(NO_USERS[Party(other)] for other in OTHERS[name])):
        story = given(*situation(name, actor.kind)).when(by(actor, name))
        assert story.rejection is None, (actor, story.rejection)


@EACH
def test_a_user_of_a_lower_role_is_turned_away(name: str) -> None:
    for party, lowest in LOWEST[name].items():
        if lowest != "-":
            story = given(*situation(name, party))
            for actor in users(party, *(role for role in FROM["viewer"] if role not in FROM[lowest])):
                story.when(by(actor, name)).refused(RejectionCode.NOT_AUTHORIZED, roles=FROM[lowest])


@EACH
def test_nobody_else_gives_it(name: str) -> None:
    sides = [party for party, lowest in LOWEST[name].items() if lowest == "-"]
    others = [actor for party, actor in NO_USERS.items() if party.value not in OTHERS[name]]
    for actor in (*(one for party in sides for one in users(party, *FROM["viewer"])), *others):
        story = given(*situation(name, actor.kind)).when(by(actor, name)).refused(RejectionCode.NOT_AUTHORIZED)
        assert story.rejection is not None
        assert set(story.rejection.details) == {"parties"}, (actor, story.rejection)


# ------------------------------------------------------------------------------------------------- what the policy says

OF_AN_END = (
    "RequestTermination",
    "ConfirmTermination",
    "SendVerificationCode",
    "SubmitVerificationCode",
    "DecideTermination",
    "WithdrawTermination",
    "RequestReactivation",
    "AnswerReactivation",
)


@pytest.mark.requirement("R83", "R99", "R113", "R130")
@pytest.mark.parametrize("party", [Party.PARTNER, Party.CUSTOMER])
@pytest.mark.parametrize("name", OF_AN_END)
def test_which_roles_may_end_a_partnership_is_a_policy(name: str, party: Party) -> None:
    operators_too = policy(roles_that_may_end=("admin", "operator"))
    admin, operator, viewer = users(party, "admin", "operator", "viewer")
    for actor in (admin, operator):
        story = given(*situation(name, party), operators_too).when(by(actor, name))
        assert story.rejection is None, story.rejection
    given(*situation(name, party), operators_too).when(by(viewer, name)).refused(
        RejectionCode.NOT_AUTHORIZED, roles=["admin", "operator"]
    )


@pytest.mark.requirement("R33", "R84", "R97", "R104", "R105", "R129")
@pytest.mark.parametrize(
    ("name", "party"),
    [
        ("ConfigurePermissions", Party.PARTNER),
        ("ConfigurePermissions", Party.CUSTOMER),
        ("AnswerModification", Party.PARTNER),
        ("AnswerModification", Party.CUSTOMER),
        ("AcceptInvitation", Party.CUSTOMER),
        ("ConfirmFinalBill", Party.CUSTOMER),
        ("DisputeFinalBill", Party.CUSTOMER),
        ("RequestDataExport", Party.CUSTOMER),
    ],
)
def test_what_is_an_administrators_stays_one_whoever_may_end_and_invite(name: str, party: Party) -> None:
    everybody = policy(
        roles_that_may_end=("admin", "operator", "viewer"), roles_that_may_invite=("admin", "operator", "viewer")
    )
    (operator,) = users(party, "operator")
    given(*situation(name, party), everybody).when(by(operator, name)).refused(
        RejectionCode.NOT_AUTHORIZED, roles=["admin"]
    )


@pytest.mark.requirement("R2", "R84")
def test_which_of_a_partners_roles_may_invite_is_a_policy_and_of_the_customers_it_is_the_administrator() -> None:
    admin, operator, viewer = users(Party.PARTNER, "admin", "operator", "viewer")
    admins = (*REGISTERED, policy(roles_that_may_invite=("admin",)))
    assert given(*admins).when(by(admin, "InviteCustomer")).rejection is None
    given(*admins).when(by(operator, "InviteCustomer")).refused(RejectionCode.NOT_AUTHORIZED, roles=["admin"])

    all_of_them: tuple[str, ...] = ("admin", "operator", "viewer")
    anybody = (*REGISTERED, policy(roles_that_may_invite=all_of_them))
    assert given(*anybody).when(by(viewer, "InviteCustomer")).rejection is None
    own = policy(who_may_offer=("partner", "customer"), roles_that_may_invite=all_of_them)
    (of_the_customer,) = users(Party.CUSTOMER, "operator")
    given(*FREE, own).when(by(of_the_customer, "InviteCustomer")).refused(RejectionCode.NOT_AUTHORIZED, roles=["admin"])
