"""Mistakes, and what is not there: each ends in one line that says what to do, with its exit code; nothing is lost."""

import errno
import os
import ssl
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    MessageSizeTooLargeError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
)
from pydantic import ValidationError
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from contracts.message import SYSTEM, CommandFrame
from tests.support.deployment import ROOT
from tests.support.nobody import telling  # noqa: F401 - a fixture
from worker.cli import operation, republish, send
from worker.cli.errors import explain
from worker.cli.exits import Exit
from worker.operate.errors import NoAnswer, WrongRequest
from worker.operate.letters.job import Action, Job
from worker.operate.letters.lines import read_lines
from worker.operate.orders import SAFE_ID
from worker.operate.send import Sent

CANCEL = ("send", "CancelInvitation", "--subject", "p", "--partner", "a", "--actor", "partner:a:u:admin")


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


def test_a_value_of_another_type_than_the_schema_says_is_refused_as_the_worker_would(tell: Any) -> None:
    period = 'period={"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z"}'
    of_bill = ("--set", "currency=EUR", "--set", period, "--set", 'amount="12.00"')
    told = tell("send", "RecordFinalBill", "--subject", "p", "--partner", "a", "--actor", "system:b:u", *of_bill)

    assert told.code == 2
    assert "amount: Input should be a valid integer" in told.err


def test_what_is_nested_too_deep_is_refused(tell: Any) -> None:
    told = tell(*CANCEL, "--set", f"{'a.' * 300}a=1")

    assert (told.code, told.err.count("\n")) == (2, 1)


@pytest.mark.parametrize("code", [0, 0x1F, 0x7F, 0x80, 0x9F, 0x20, 0xA0])
def test_an_order_names_only_what_a_frame_can_hold(code: int) -> None:
    """Else the lane could not read the order itself, and the letter would stay for ever."""
    text = f"p{chr(code)}"
    try:
        CommandFrame(specversion="1.0", id="x", source="s", type="t", subject=text, partitionkey="p")
    except ValidationError:
        assert not SAFE_ID.fullmatch(text)
    else:
        assert SAFE_ID.fullmatch(text)
    assert not SAFE_ID.fullmatch("x" * 129)
    assert SAFE_ID.fullmatch("x" * 128)


def body_in(tmp_path: Path, body: object) -> str:
    path = tmp_path / "body.json"
    path.write_bytes(body if isinstance(body, bytes) else orjson.dumps(body))
    return str(path)


EVENT = {
    "specversion": "1.0",
    "type": "partnerships.CancelInvitation.v1",
    "subject": "p",
    "partitionkey": "a",
    "data": {"actor": {"kind": "partner", "party_id": "a", "user_id": "u"}},
}


@pytest.mark.parametrize("options", [(), ("--set", "reason=x"), ("--actor", "partner:a:u"), ("--dry-run",)])
@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"data": []}, "data: a JSON object is needed"),
        ({"data": None}, "data: a JSON object is needed"),
        ({"type": ["x"]}, "Which command?"),
        ({"type": None}, "Which command?"),
        ({"data": {**EVENT["data"], "x": "z" * 262_144}}, "the most is 262,144"),  # type: ignore[dict-item]
    ],
)
def test_a_body_that_is_none_is_said_in_a_line(
    tell: Any, tmp_path: Path, wrong: dict[str, Any], why: str, options: tuple[str, ...]
) -> None:
    told = tell("send", "--file", body_in(tmp_path, {**EVENT, **wrong}), *options)

    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert why in told.err


def test_a_body_that_is_nested_too_deep_is_said_in_a_line(tell: Any, tmp_path: Path) -> None:
    deep = orjson.dumps(EVENT).replace(b'"data":{', b'"data":{"x":' + b"[" * 600 + b"]" * 600 + b",")

    told = tell("send", "--file", body_in(tmp_path, deep))

    assert (told.code, told.err.count("\n")) == (2, 1)
    assert "cannot be sent as JSON" in told.err


# --------------------------------------------------------------------------------------------- arguments and settings


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("journal", "--since", "99999999999d"), "is not a time in UTC"),
        (("journal", "--since", "9" * 5000 + "w"), "is not a time in UTC"),
        (("journal", "--since", "0001-01-01T00:00+14:00"), "is not a time in UTC"),
        (("journal", "-n", "99999999999999999999999"), "less than or equal to"),
        (("dead-letters", "list", "-n", "99999999999999999999999"), "less than or equal to"),
        (("history", "p", "-n", "99999999999999999999999"), "less than or equal to"),
        (("journal", "p\udcff"), "is not UTF-8"),
        ((*CANCEL, "--set", "reason=" + "[" * 2_000 + "]" * 2_000), "ecursion"),
        ((*CANCEL, "--set", "x=99999999999999999999999"), "64-bit"),
        ((*CANCEL, "--set", 'x="\\ud800"'), "UTF-8"),
        ((*CANCEL, "--as", ""), "1 to 128 characters"),
        ((*CANCEL, "--as", "olga\x1b[2J"), "1 to 128 characters"),
        (("dead-letters", "replay", "--all", "--yes", "--as", "o" * 129), "1 to 128 characters"),
        (("dead-letters", "discard", "x", "--yes", "--why", "w" * 4097), "the most is 4,096"),
        (("dead-letters", "replay", "x", "--yes", "--why", "w" * 4097), "the most is 4,096"),
        (("republish", "--reason", "w" * 4097), "the most is 4,096"),
        (("dead-letters", "replay", "--all", "--yes", "--rate", "nan"), "--rate"),
        (("dead-letters", "replay", "--all", "--yes", "--rate", "inf"), "--rate"),
        (("dead-letters", "export", "--file", "n" * 300), "File name too long"),
        (("verify", "--topic", "partnership.facts"), "there are lifecycle, quota"),
        (("verify", "--topic", "partnership.lanes"), "there are lifecycle, quota"),
    ],
)
def test_what_makes_no_sense_is_one_line(tell: Any, arguments: tuple[str, ...], why: str) -> None:
    told = tell(*arguments)

    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert why in told.err
    assert "defect" not in told.err


def test_verify_knows_a_topic_by_its_short_name(tell: Any) -> None:
    assert tell("verify", "--no-documents", "--topic", "quota").code == 5


def test_a_user_without_a_name_is_called_by_number(tell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)

    assert operation._login() == str(os.getuid())
    assert tell(*CANCEL).code == 5


def test_a_closed_stdin_is_nobody_and_nothing(tell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)

    assert "Nobody is there to be asked" in tell("dead-letters", "replay", "x").err
    assert "no stdin to read" in tell("send", "--file", "-").err
    assert "no stdin to read" in tell("dead-letters", "import", "-", "--yes").err


def test_an_edited_body_with_more_fields_than_an_order_holds_is_said() -> None:
    job = Job(Action.EDIT, body={f"field-{number}": 1 for number in range(65)})

    with pytest.raises(WrongRequest, match="at most 64 items"):
        job.order(SYSTEM, "letter")


def test_a_line_of_an_export_needs_a_time_with_an_offset() -> None:
    line = {"id": "x", "state": "open", "reason": "NOT_JSON", "at": "2026-01-01T00:00:00", "type": None, "subject": "p"}
    source = {"topic": "partnership.facts", "partition": 0, "offset": 1}

    with pytest.raises(WrongRequest, match="Line 1 is no exported letter: at"):
        list(read_lines([orjson.dumps({**line, "source": source, "key": None, "value": None, "headers": []})]))


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("error", "code", "why"),
    [
        (TopicAuthorizationFailedError("t"), Exit.OPERATOR, "a right on the topic t: Write to send"),
        (GroupAuthorizationFailedError("g"), Exit.OPERATOR, "a right on the group g"),
        (ClusterAuthorizationFailedError(), Exit.OPERATOR, "to no topic: Write on the one it sends to"),
        (UnsupportedSaslMechanismError("x"), Exit.USAGE, "does not take this user, password or mechanism"),
        (SaslAuthenticationFailed("x"), Exit.USAGE, "PARTNERSHIP_KAFKA_USERNAME"),
        (UnknownTopicOrPartitionError("t"), Exit.OPERATOR, "PARTNERSHIP_TOPIC_PREFIX"),
        (MessageSizeTooLargeError("t"), Exit.USAGE, "larger than the topic takes"),
        (KafkaConnectionError("x"), Exit.UNAVAILABLE, "Kafka does not answer"),
        (TimeoutError(), Exit.UNAVAILABLE, "Kafka does not answer"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), Exit.UNAVAILABLE, "Kafka does not answer"),
        (OSError(errno.ENOSPC, "No space left on device"), Exit.USAGE, "What is written: No space left"),
        (PermissionError(errno.EACCES, "Permission denied", "f"), Exit.USAGE, "f: Permission denied"),
        (ssl.SSLError("[X509: NO_CERTIFICATE_OR_CRL_FOUND]"), Exit.USAGE, "PARTNERSHIP_KAFKA_CA_FILE"),
        (OperationFailure("Authentication failed.", 18), Exit.USAGE, "MONGO_URL"),
        (OperationFailure("not authorized", 13), Exit.OPERATOR, "a role"),
        (ServerSelectionTimeoutError("x"), Exit.UNAVAILABLE, "MongoDB does not answer"),
    ],
)
def test_an_error_is_told_as_what_it_is(error: Exception, code: Exit, why: str) -> None:
    text, found = explain(error)

    assert found is code
    assert why in text


# -------------------------------------------------------------------------------------------------- the output's end


@pytest.mark.parametrize("arguments", ["send --list --json", "send --list"])
def test_output_that_cannot_be_written_ends_with_one_line_or_none(arguments: str) -> None:
    worker = f"{sys.executable} -m worker {arguments}"

    def sh(script: str) -> tuple[str, str]:
        told = subprocess.run(["/bin/bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
        return told.stdout, told.stderr

    assert sh(f"{worker} | true; echo ${{PIPESTATUS[0]}}") == ("141\n", "")
    assert sh(f"{worker} > /dev/full; echo $?") == ("2\n", "What is written: No space left on device\n")


def test_a_no_is_no_failure(tell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def plan_missing(*_: Any, **__: Any) -> Any:
        return SimpleNamespace(total=3, times=None, redacted=0, expired=0, cut=0)

    monkeypatch.setattr("worker.cli.asking.attended", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    monkeypatch.setattr(republish, "plan_missing", plan_missing)

    told = tell("republish", "--reason", "a lost disk")

    assert (told.code, "Nothing was done." in told.err) == (0, True)
