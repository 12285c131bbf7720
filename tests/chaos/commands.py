"""What is sent: lives of partnerships by the seed, with repeats, reused ids, dry runs, wrong partitions and poison."""

import json
import random
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from tests.chaos.fuzz import Fuzzer
from tests.chaos.ledger import number
from tests.support import messages
from tests.support.poison import Headers
from worker.secrets import Secrets

PARTNERS = 60
FLEETING_PARTNERS = 4
HOT_CUSTOMERS = 40
"""Customers that many partners want: their lanes meet at them, and switches go from one lane to the other."""

FLEETING_SECONDS = 12
POISON_SHARE = 0.01
REPEAT_SHARE = 0.04
RECENT = 400
INTERLEAVED = 50
"""Lives that are told at the same time."""

BINDING = "partnership.binding.commands"


class Item(NamedTuple):
    """A record to send, and how it must end: `accepted`, `refused CODE`, `dead_letter`, `answered`, or `any`."""

    topic: str
    value: bytes | None
    key: bytes | None
    kind: str
    cid: str = ""
    expect: str = "any"
    headers: Headers = []  # noqa: RUF012 - never changed
    partition: int = -1
    group: str = ""
    """Of commands whose order counts: they go to one partition."""

    @property
    def body(self) -> int:
        """Tells a repeat from another command with the same id, as a producer means it."""
        return number(self.value)


def partners() -> list[str]:
    return [f"partner-{number_}" for number_ in range(PARTNERS)]


def fleeting() -> list[str]:
    return [f"fleeting-{number_}" for number_ in range(FLEETING_PARTNERS)]


def beginning() -> Iterator[Item]:
    """Facts that the lives need; they are decided before these begin."""
    for partner in (*partners(), *fleeting()):
        value = messages.register_partner(partner, quota_limit=100_000_000)
        yield Item(messages.FACTS, value, partner.encode(), "command", f"register-{partner}", "accepted", group=partner)
    for partner in fleeting():
        cid, overrides = f"agree-{partner}", {"invitation_days": 300 + FLEETING_SECONDS}
        value = messages.command(
            "UpdateAgreement", cid, partner, partner, messages.SYSTEM, as_of="2026-01-01T00:00:00Z", overrides=overrides
        )
        yield Item(messages.FACTS, value, partner.encode(), "command", cid, "accepted", group=partner)
    for hot in range(HOT_CUSTOMERS):
        name = f"hot-{hot}"
        value = messages.report_customer(name)
        yield Item(messages.FACTS, value, name.encode(), "command", f"standing-{name}", "accepted", group=name)


class Commands:
    """An endless stream, the same for a seed."""

    def __init__(self, seed: int, secrets: Secrets, poison_share: float = POISON_SHARE, hot_partner: float = 0) -> None:
        self._dice = random.Random(seed)
        self._secrets = secrets
        self._fuzzer = Fuzzer(seed, secrets)
        self._poison_share = poison_share
        self._hot_partner = hot_partner
        self._lives = 0
        self._recent: deque[Item] = deque(maxlen=RECENT)
        weights = [1 / (rank + 3) for rank in range(PARTNERS)]
        self._skewed = (partners(), weights)

    def __iter__(self) -> Iterator[Item]:
        dice = self._dice
        running = [self._life() for _ in range(INTERLEAVED)]
        while True:
            roll = dice.random()
            if roll < self._poison_share:
                yield self._fuzzer.item(dice)
            elif roll < self._poison_share + REPEAT_SHARE and self._recent:
                yield dice.choice(self._recent)
            else:
                index = dice.randrange(INTERLEAVED)
                item = next(running[index], None)
                if item is None:
                    running[index] = self._life()
                else:
                    if item.kind == "command":
                        self._recent.append(item)
                    yield item

    def _life(self) -> Iterator[Item]:
        self._lives += 1
        lives = (
            (self._cancelled, 20),
            (self._bound, 35),
            (self._declined, 10),
            (self._hot, 12),
            (self._fleeting, 4),
            (self._kept_up, 10),
            (self._scattered, 5),
            (self._reused, 3),
            (self._dry, 3),
        )
        (life,) = self._dice.choices([life for life, _ in lives], [weight for _, weight in lives])
        hot = self._dice.random() < self._hot_partner
        partner = "partner-0" if hot else self._dice.choices(*self._skewed)[0]
        return life(f"p{self._lives}", partner)

    def _told(self, name: str, *told: tuple[bytes, str, str], topic: str = messages.INVITATION) -> Iterator[Item]:
        for value, cid, expect in told:
            yield Item(topic, value, name.encode(), "command", cid, expect, group=name)

    def _cancelled(self, name: str, partner: str) -> Iterator[Item]:
        yield from self._told(
            name,
            (messages.invite(name, partner), f"invite-{name}", "accepted"),
            (messages.cancel(name, partner), f"cancel-{name}", "accepted"),
        )

    def _declined(self, name: str, partner: str) -> Iterator[Item]:
        yield from self._told(
            name,
            (messages.invite(name, partner), f"invite-{name}", "accepted"),
            (messages.cancel(name, partner), f"cancel-{name}", "accepted"),
            (messages.cancel(name, partner, f"again-{name}"), f"again-{name}", "refused"),
        )

    def _accepted(self, name: str, partner: str, customer: str, expect: str) -> Iterator[Item]:
        token = self._secrets.token("invitation", name, 1)
        yield from self._told(
            name,
            (messages.invite(name, partner), f"invite-{name}", "accepted"),
            (messages.open_invitation(name, partner, token, customer), f"open-{name}", expect),
            (messages.verify_identity(name, partner, customer), f"verify-{name}", expect),
            (messages.accept(name, partner, customer), f"accept-{name}", expect),
        )

    def _bound(self, name: str, partner: str) -> Iterator[Item]:
        # The customer's facts come on another topic, perhaps after the acceptance: that one then may be refused.
        customer = f"customer-{name}"
        value = messages.report_customer(customer)
        yield Item(messages.FACTS, value, customer.encode(), "command", f"standing-{customer}", "accepted", group=name)
        yield from self._accepted(name, partner, customer, "any")

    def _hot(self, name: str, partner: str) -> Iterator[Item]:
        yield from self._accepted(name, partner, f"hot-{self._dice.randrange(HOT_CUSTOMERS)}", "any")

    def _fleeting(self, name: str, partner: str) -> Iterator[Item]:
        chosen = self._dice.choice(fleeting())
        yield from self._told(name, (messages.invite(name, chosen), f"invite-{name}", "accepted"))

    def _kept_up(self, name: str, partner: str) -> Iterator[Item]:
        """Three topics: what comes too early on another one is refused, and that is right."""
        customer = f"customer-{name}"
        yield from self._bound(name, partner)
        actor = {**messages.PARTNER_USER, "party_id": partner}
        for turn in range(2):
            cid = f"permissions-{turn}-{name}"
            value = messages.command("ConfigurePermissions", cid, name, partner, actor, permissions=[f"read-{turn}"])
            yield Item(BINDING, value, name.encode(), "command", cid, "any", group=name)
        ending = {**messages.CUSTOMER_USER, "party_id": customer}
        value = messages.command("CheckTermination", f"check-{name}", name, partner, ending)
        yield Item(messages.TERMINATION, value, name.encode(), "command", f"check-{name}", "any", group=name)
        value = messages.command(
            "RequestTermination", f"end-{name}", name, partner, ending, category="customer_request", reason="we go on"
        )
        yield Item(messages.TERMINATION, value, name.encode(), "command", f"end-{name}", "any", group=name)

    def _scattered(self, name: str, partner: str) -> Iterator[Item]:
        """A producer that does not keep to a partition: its order is nobody's, so each outcome may be any."""
        for item in self._cancelled(name, partner):
            yield item._replace(expect="any", key=None, partition=self._dice.randrange(2), group="")

    def _reused(self, name: str, partner: str) -> Iterator[Item]:
        (first, last) = self._cancelled(name, partner)
        yield first
        yield first._replace(value=messages.invite(name, partner, legal_name="another one"))
        yield last

    def _dry(self, name: str, partner: str) -> Iterator[Item]:
        cid = f"dry-{name}"
        value = messages.invite(name, partner, cid, dry_run=True)
        yield Item(messages.INVITATION, value, name.encode(), "dry", cid, "answered", group=name)


def is_json_object(value: bytes | None) -> bool:
    try:
        return isinstance(json.loads(value or b""), dict)
    except (ValueError, RecursionError):
        return False
