"""The commands of the benchmark: partnerships at all stages of their lives, most of them of a few large partners."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from tests.bench.lives import BOUND, ENDING, NEW, REPORTED, Life, Stage, begins, standing
from tests.support import messages
from worker.secrets import Secrets

PARTNERS = 200
STAGES = (*(NEW, BOUND, NEW, ENDING) * 4, NEW, NEW, NEW, REPORTED)
"""Of twenty partnerships. Half of the commands are invitations', a quarter each binding and termination commands."""

SLIPS = 0.05
"""The share of the lives in which somebody comes too late and is refused, and something is sent twice."""


class Sent(NamedTuple):
    """One command: where to, under which key, and what."""

    topic: str
    key: str
    value: bytes


def partners() -> list[str]:
    return [f"partner-{number}" for number in range(PARTNERS)]


def stage_of(life: Life) -> Stage:
    return STAGES[life.number % len(STAGES)]


def lives(partnerships: int, secrets: Secrets, seed: int = 1, *, hot: bool = False) -> Iterator[Life]:
    """So many partnerships. `hot`: all new ones are the largest partner's, which then has six commands of ten."""
    weights = [1 / (rank + 1) for rank in range(PARTNERS)]
    chosen = random.Random(seed).choices(partners(), weights, k=partnerships)
    now = datetime.now(UTC)
    for number, partner in enumerate(chosen):
        life = Life(number, partner, secrets, now)
        yield replace(life, partner=partners()[0]) if hot and stage_of(life) is NEW else life


def parties(whole: Iterable[Life]) -> Iterator[Sent]:
    """What must be known before: all partners, and how all customers stand."""
    for partner in partners():
        yield Sent(messages.FACTS, partner, messages.register_partner(partner, quota_limit=10_000_000))
    for life in whole:
        yield Sent(messages.FACTS, life.customer, standing(life))


def bonds(whole: Iterable[Life]) -> Iterator[Sent]:
    """What has happened to the partnerships that are not new."""
    for life in whole:
        if stage_of(life) is not NEW:
            for value in begins(life):
                yield Sent(messages.INVITATION, life.name, value)


def commands(whole: Iterable[Life]) -> Iterator[Sent]:
    """The backlog. A command that is there twice is a repeat."""
    dice = random.Random(len(STAGES))
    for life in whole:
        stage = stage_of(life)
        way = stage.ways[life.number // len(STAGES) % len(stage.ways)]
        key = life.customer if stage is REPORTED else life.name
        said = list(way(life))
        if dice.random() < SLIPS:
            said += [stage.mistake(life), said[-1]] if stage.mistake else [said[-1]]
        for value in said:
            yield Sent(stage.topic, key, value)
