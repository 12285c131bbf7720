"""What an operator is told of an order: also where somebody was quicker, and where it may have arrived."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError

from contracts.commands.operating import Answer, DiscardDeadLetter, ReopenDeadLetter, ReplayDeadLetter
from contracts.message import SYSTEM
from worker.cli.letters.plan_screen import show_report
from worker.letters.orders import _refusal
from worker.operate.letters import run
from worker.operate.letters.job import Action, Chosen, Job
from worker.operate.letters.outcomes import WELL, Outcome, of_answer
from worker.operate.letters.run import Ended, Report, carry_out

DONE, NOT_SO = Outcome.ALREADY_DONE, Outcome.IMPOSSIBLE
LETTERS = [Chosen(f"letter-{number}", 0, "acme", number, was_parked=False) for number in range(60)]


@pytest.mark.parametrize(
    ("action", "answer", "outcome"),
    [
        (Action.REPLAY, Answer.ALREADY_RESOLVED, DONE),
        (Action.REPLAY, Answer.DISCARDED, NOT_SO),
        (Action.EDIT, Answer.ALREADY_RESOLVED, NOT_SO),
        (Action.EDIT, Answer.DISCARDED, NOT_SO),
        (Action.DISCARD, Answer.DISCARDED, DONE),
        (Action.DISCARD, Answer.ALREADY_RESOLVED, NOT_SO),
        (Action.REOPEN, Answer.NOT_DISCARDED, DONE),
        (Action.REOPEN, Answer.ALREADY_RESOLVED, NOT_SO),
        (Action.RELEASE, Answer.NOT_BLOCKING, DONE),
        (Action.RELEASE, Answer.DISCARDED, DONE),
        (Action.RELEASE, Answer.ALREADY_RESOLVED, DONE),
    ],
)
def test_only_what_was_wanted_was_already_done(action: Action, answer: Answer, outcome: Outcome) -> None:
    assert of_answer(action, answer.value, {}) == (outcome, answer.value)
    assert (outcome in WELL) is (outcome is DONE)


@pytest.mark.parametrize("order", [ReplayDeadLetter, DiscardDeadLetter, ReopenDeadLetter])
def test_the_lane_says_that_a_letter_is_resolved_whatever_is_wanted(order: type[Any]) -> None:
    desk: Any = SimpleNamespace(lane=SimpleNamespace(lane=0))
    sight: Any = SimpleNamespace(letter={"lane": 0, "state": "resolved"})

    assert _refusal(desk, order(actor=SYSTEM, letter_id="x"), sight) is Answer.ALREADY_RESOLVED


@pytest.mark.parametrize("error", [TimeoutError, KafkaTimeoutError])
def test_orders_that_may_be_in_the_log_are_not_untouched(
    error: Callable[[], Exception], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Orders:
        actor = SYSTEM

        async def give(self, orders: Sequence[Any]) -> list[str]:
            raise error()

    @asynccontextmanager
    async def ordering(*_: Any) -> AsyncIterator[Any]:
        yield Orders()

    async def as_they_are(_: Any, some: Sequence[Chosen]) -> dict[str, Any]:
        return {one.id: {"state": "open", "lane": 0, "subject": "p", "partner": "acme"} for one in some}

    monkeypatch.setattr(run, "ordering", ordering)
    monkeypatch.setattr(run._Run, "_now", as_they_are)
    nowhere: Any = SimpleNamespace(db=None)

    report: Report = asyncio.run(
        carry_out(nowhere, "olga", Job(Action.DISCARD, "why"), LETTERS, rate=10_000, failures_max=100)
    )
    show_report(Action.DISCARD, report, {}, {})

    assert (report.ended, report.orders, report.unanswered, report.left) == (Ended.ERROR, 0, 50, 10)
    assert "may be, in the lane log" in " ".join(capsys.readouterr().out.split())
