"""Mistakes, and what is not there: each ends in one line that says what to do, with its exit code; nothing is lost."""

import sys
from typing import Any

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from tests.support.command_line import Told, environment
from worker.__main__ import main
from worker.cli import send
from worker.operate.errors import NoAnswer
from worker.operate.send import Sent

NOBODY = {
    "KAFKA_BOOTSTRAP": "127.0.0.1:9",
    "MONGO_URL": "mongodb://127.0.0.1:9/?replicaSet=rs0&serverSelectionTimeoutMS=100",
    "PARTNERSHIP_REQUEST_TIMEOUT_SECONDS": "1",
    "PATH": "/usr/bin:/bin",
    "USER": "olga",
    "COLUMNS": "80",
}
CANCEL = ("send", "CancelInvitation", "--subject", "p", "--partner", "a", "--actor", "partner:a:u:admin")


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """`partnership-worker ARGUMENTS` where nobody answers."""

    def tell(*arguments: str, **settings: str) -> Told:
        monkeypatch.setattr(sys, "argv", ["partnership-worker", *arguments])
        with environment({**NOBODY, **settings}), pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Told(int(ended.value.code or 0), said.out, said.err)

    return tell


# ---------------------------------------------------------------------------------------------------------------- send


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ServerSelectionTimeoutError("gone"), 5),
        (NoAnswer("No answer within 30 s."), 5),
        (KeyboardInterrupt(), 130),
        (ValueError("a defect"), 1),
    ],
)
def test_whatever_fails_after_a_command_was_sent_its_id_and_place_are_said(
    tell: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    async def publish(_: Any, body: dict[str, Any]) -> Sent:
        return Sent(body["id"], "t", 0, 5, ("x", "y"), source="t:0:5")

    async def wait(*_: Any) -> None:
        raise error

    monkeypatch.setattr(send, "publish", publish)
    monkeypatch.setattr(send, "wait_for_answer", wait)

    told = tell(*CANCEL, "--id", "cancel p")

    first, last = told.err.splitlines()
    assert told.code == code
    assert first == "sent cancel p to t:0:5"
    assert "The command cancel p is on t:0:5" in last
    assert "`partnership-worker journal 'cancel p'`" in last


def test_an_empty_id_is_refused(tell: Any) -> None:
    told = tell(*CANCEL, "--id", "")

    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert "id: String should have at least 1 character" in told.err
