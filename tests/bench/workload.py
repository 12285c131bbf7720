"""The commands of the benchmark: invitations from the first letter to the signature, skewed like life."""

import random
from collections.abc import Iterator

from tests.support import messages
from worker.secrets import Secrets

PARTNERS = 200


def partners() -> list[str]:
    return [f"partner-{number}" for number in range(PARTNERS)]


def facts() -> Iterator[bytes]:
    for partner in partners():
        yield messages.register_partner(partner, quota_limit=10_000_000)


def standing(partnerships: int) -> Iterator[bytes]:
    for number in range(partnerships):
        yield messages.report_customer(f"customer-{number}")


def lives(partnerships: int, secrets: Secrets, seed: int = 1, hot: float = 0.0) -> Iterator[tuple[str, bytes]]:
    """(partnership, command): four commands each; some are declined by mistake, some are sent twice.

    `hot` is the share of the partnerships that all belong to one partner.
    """
    dice = random.Random(seed)
    weights = [1 / (rank + 1) for rank in range(PARTNERS)]
    chosen = dice.choices(partners(), weights, k=partnerships)
    for number, usual in enumerate(chosen):
        partner = partners()[0] if dice.random() < hot else usual
        name, customer = f"partnership-{number}", f"customer-{number}"
        token = secrets.token("invitation", name, 1)
        yield name, messages.invite(name, partner)
        yield name, messages.open_invitation(name, partner, token, customer)
        yield name, messages.verify_identity(name, partner, customer)
        yield name, messages.accept(name, partner, customer)
        if number % 20 == 0:
            yield name, messages.cancel(name, partner)  # too late: refused
            yield name, messages.accept(name, partner, customer)  # a repeat
