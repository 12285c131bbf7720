"""What is said about one partnership at one stage of its life: all of it on one topic, so that it has an order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from contracts.warnings import WARNING_VERSION
from handlers.tokens import CODE, shown
from tests.support import domain, messages
from worker.secrets import Secrets

REASON = "our needs have changed"
READ = {"warnings_read": True, "data_backed_up": True, "bill_checked": True, "support_known": True}
SYSTEM, PLATFORM = messages.SYSTEM, domain.PLATFORM_USER


@dataclass(frozen=True)
class Life:
    """One partnership, and who is in it."""

    number: int
    partner: str
    secrets: Secrets
    now: datetime

    @property
    def name(self) -> str:
        return f"partnership-{self.number}"

    @property
    def customer(self) -> str:
        return f"customer-{self.number}"

    @property
    def model(self) -> str:
        """Resellers' partnerships end with a code and a consent, the others without."""
        return "reseller" if self.number // 3 % 2 else "referral"

    def says(self, actor: dict[str, Any], command: str, number: int = 1, /, **data: Any) -> bytes:
        """A command of this partnership; `number` is for one that is said again, as another one."""
        return messages.command(command, f"{command}-{self.name}-{number}", self.name, self.partner, actor, **data)

    def of_partner(self, command: str, number: int = 1, /, **data: Any) -> bytes:
        return self.says({**messages.PARTNER_USER, "party_id": self.partner}, command, number, **data)

    def of_customer(self, command: str, number: int = 1, /, **data: Any) -> bytes:
        return self.says({**messages.CUSTOMER_USER, "party_id": self.customer}, command, number, **data)


def standing(life: Life, number: int = 0) -> bytes:
    """The customer's facts, a little later each time."""
    moment = life.now - timedelta(minutes=10) + timedelta(seconds=number)
    return domain.facts(life.customer, life.partner, command_id=f"standing-{life.customer}-{number}", as_of=moment)


def begins(life: Life) -> Iterator[bytes]:
    """From the first letter to the signature."""
    name, partner, customer = life.name, life.partner, life.customer
    yield messages.invite(name, partner, model=life.model)
    yield messages.open_invitation(name, partner, life.secrets.token("invitation", name, 1), customer)
    yield messages.verify_identity(name, partner, customer)
    yield messages.accept(name, partner, customer)


# ---------------------------------------------------------------------------------------------------- while it is bound


def is_set_up(life: Life) -> Iterator[bytes]:
    yield life.says(SYSTEM, "RecordActivation", outcome="done")
    yield life.of_partner("ConfigurePermissions", permissions=["read_usage", "manage_orders"])
    yield life.of_partner("AssignContacts", contacts={"assigned_contact": "Grace", "support_level": "gold"})
    yield life.says(SYSTEM, "RecordNotificationOutcome", notice_id=f"accept-{life.name}:partner", outcome="delivered")


def does_business(life: Life) -> Iterator[bytes]:
    for month in (1, 2, 3):
        data = {"period": f"2026-{month:02}", "amount": 100_00 * month, "currency": "EUR", "orders": month}
        yield life.says(SYSTEM, "RecordBusinessData", month, **data)
    yield life.of_partner("UpdateCustomerInfo", changes={"phone": "+44 1"})


def is_modified(life: Life) -> Iterator[bytes]:
    yield life.of_customer("ProposeModification", changes={"terms": "five per cent more"})
    yield life.of_partner("AnswerModification", answer="counter", changes={"terms": "four per cent"})
    yield life.of_customer("AnswerModification", 2, answer="acknowledge")
    yield life.of_partner("ConfigurePermissions", permissions=["read_usage"])


def is_suspended(life: Life) -> Iterator[bytes]:
    yield life.says(PLATFORM, "SuspendPartnership", reason=REASON)
    yield life.says(PLATFORM, "ResumePartnership", reason=REASON)
    yield from does_business(life)


# ----------------------------------------------------------------------------------------------------------- as it ends


def thinks_again(life: Life) -> Iterator[bytes]:
    yield life.of_customer("CheckTermination")
    yield life.of_customer("RequestTermination", category="customer_request", reason=REASON)
    yield life.of_customer("WithdrawTermination")
    yield life.of_customer("CheckTermination", 2)


def ends(life: Life) -> Iterator[bytes]:
    """From the check to the paid bill."""
    yield life.of_customer("CheckTermination")
    yield from _asks(life)
    if life.model == "reseller":
        yield life.of_partner("DecideTermination", approve=True)
    period = {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-31T00:00:00Z"}
    yield life.says(SYSTEM, "RecordFinalBill", amount=500, currency="EUR", period=period)
    yield life.of_customer("ConfirmFinalBill")
    for number, step in enumerate(("billing", "data"), 1):
        yield life.says(SYSTEM, "RecordClosingStep", number, step=step, outcome="done")


def stays(life: Life) -> Iterator[bytes]:
    """The partner says no, where it is asked."""
    yield from _asks(life)
    if life.model == "reseller":
        yield life.of_partner("DecideTermination", approve=False, reason=REASON)


def _asks(life: Life) -> Iterator[bytes]:
    yield life.of_customer("RequestTermination", category="customer_request", reason=REASON)
    yield life.of_customer("ConfirmTermination", warning_version=WARNING_VERSION, checklist=READ)
    if life.model == "reseller":
        yield life.of_customer("SendVerificationCode")
        code = shown(CODE, life.secrets.token(CODE, life.name, 1))
        yield life.of_customer("SubmitVerificationCode", code=code)


# --------------------------------------------------------------------------------------------------------------- stages


def is_reported(life: Life) -> Iterator[bytes]:
    """Other systems look at its customer again."""
    for number in (1, 2):
        yield standing(life, number)


@dataclass(frozen=True)
class Stage:
    """Where in its life a partnership is: what may be said then, on which topic, and what is a mistake then."""

    topic: str
    ways: tuple[Callable[[Life], Iterator[bytes]], ...]
    mistake: Callable[[Life], bytes] | None = None


NEW = Stage(messages.INVITATION, (begins,), lambda life: messages.cancel(life.name, life.partner))
BOUND = Stage(
    "partnership.binding.commands",
    (is_set_up, does_business, is_modified, is_suspended),
    lambda life: life.says(PLATFORM, "ResumePartnership", 9, reason=REASON),
)
ENDING = Stage(
    messages.TERMINATION, (thinks_again, ends, stays), lambda life: life.of_partner("WithdrawTermination", 9)
)
REPORTED = Stage(messages.FACTS, (is_reported,))
