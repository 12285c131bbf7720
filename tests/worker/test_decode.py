"""Bytes → command, or the reason why not; and the digest by which a repeat is told from another command (P2)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.commands.facts import RegisterPartner
from contracts.commands.internal import CompleteSwitch
from contracts.topics import COMMAND_BYTES_MAX
from tests.support import messages
from tests.support.poison import POISONS, forged
from worker.decode import ERROR_CHARACTERS_MAX, Readable, Undecodable, Unreadable, decode
from worker.letters.keys import blocked_by, key_of
from worker.records import SIGNATURE_HEADER, TOO_LARGE_HEADER
from worker.secrets import Secrets

SECRETS = Secrets("0123456789abcdef0123456789abcdef")
Headers = tuple[tuple[str, bytes | None], ...]


def decoded(value: bytes | None, headers: Headers = ()) -> Readable | Undecodable:
    record = ConsumerRecord("lanes", 0, 5, 9, 1, None, value, None, 0, 0, headers)
    return decode(record, SECRETS).decoded


def readable(value: bytes, headers: Headers = ()) -> Readable:
    found = decoded(value, headers)
    assert isinstance(found, Readable), found
    return found


def unreadable(value: bytes | None, headers: Headers = ()) -> Undecodable:
    found = decoded(value, headers)
    assert isinstance(found, Undecodable), found
    return found


def register(**changes: Any) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(messages.register_partner("p"))
    return {**said, **changes}


def digest(said: object, **how: Any) -> bytes:
    return readable(json.dumps(said, **how).encode()).digest


# ------------------------------------------------------------------------------------------------------------- commands


def test_a_command_is_read() -> None:
    found = readable(messages.register_partner("p", "the-id", quota_limit=7))

    assert (found.message.id, found.message.subject, found.message.partner_id) == ("the-id", "p", "p")
    assert isinstance(found.message.data, RegisterPartner)
    assert found.message.data.quota_limit == 7
    assert not found.internal


def test_a_command_of_exactly_the_largest_size_is_read() -> None:
    value = messages.register_partner("p")

    assert readable(value + b" " * (COMMAND_BYTES_MAX - len(value)))


def test_one_byte_more_is_too_large() -> None:
    value = messages.register_partner("p")

    found = unreadable(value + b" " * (COMMAND_BYTES_MAX - len(value) + 1))

    assert found.reason is Unreadable.TOO_LARGE
    assert str(COMMAND_BYTES_MAX) in found.error


@pytest.mark.parametrize(
    ("size", "reason"), [(b"3000000", Unreadable.TOO_LARGE), (b"large", Unreadable.EMPTY), (b"", Unreadable.EMPTY)]
)
def test_what_intake_did_not_move_is_too_large(size: bytes, reason: Unreadable) -> None:
    assert unreadable(None, ((TOO_LARGE_HEADER, size),)).reason is reason
    assert readable(messages.register_partner("p"), ((TOO_LARGE_HEADER, size),))


def bill(**data: Any) -> bytes:
    period = {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z"}
    said = {"amount": 12, "currency": "EUR", "period": period, **data}
    return messages.command("RecordFinalBill", "c", "p", "q", messages.SYSTEM, **said)


@pytest.mark.parametrize(
    "data",
    [
        *({"amount": amount} for amount in ("12.00", "12", "1_200", 12.5, 12.0, True)),
        *({"dry_run": said} for said in ("on", "true", 1, 0)),
        {"period": {"starts_at": 1736942400, "ends_at": 1736942401}},
    ],
    ids=str,
)
def test_what_the_schema_forbids_is_not_read_as_what_it_might_mean(data: dict[str, Any]) -> None:
    assert readable(bill()).message.data
    assert unreadable(bill(**data)).reason is Unreadable.INVALID_DATA


def test_a_dry_run_that_cannot_be_read_blocks_nobody() -> None:
    def blocks(**data: Any) -> str | None:
        record = ConsumerRecord("lanes", 0, 5, 9, 1, None, bill(amount="?", **data), None, 0, 0, ())
        return blocked_by(decode(record, SECRETS), 0, 1)

    assert blocks() == key_of("p", "q")
    assert blocks(dry_run=True) is None
    assert blocks(dry_run="yes") == key_of("p", "q")


def test_fifty_thousand_problems_are_counted_and_not_named() -> None:
    def wrong(number: int) -> str:
        permissions = [0] * number
        value = messages.command("ConfigurePermissions", "c", "p", "q", messages.SYSTEM, permissions=permissions)
        return unreadable(value).error

    assert wrong(2) == "permissions.0: Input should be a valid string; permissions.1: Input should be a valid string"
    assert wrong(50_000) == "50000 problems"


@pytest.mark.parametrize(("length", "fits"), [(128, True), (129, False)])
def test_an_id_has_128_characters_at_most(length: int, *, fits: bool) -> None:
    found = decoded(json.dumps(register(id="\U0001f600" * length)).encode())

    assert isinstance(found, Readable) is fits


# -------------------------------------------------------------------------------------------------------------- digests


SAME: dict[str, Callable[[dict[str, Any]], object]] = {
    "its time": lambda said: {**said, "time": "2030-01-01T00:00:00Z"},
    "its tracing": lambda said: {**said, "traceparent": "00-1-2-01", "correlationid": "other"},
    "its source": lambda said: {**said, "source": "/other"},
    "the order of its keys": lambda said: {key: said[key] for key in sorted(said, reverse=True)},
    "the order of its data's keys": lambda said: {**said, "data": dict(reversed(said["data"].items()))},
}
OTHER: dict[str, Callable[[dict[str, Any]], object]] = {
    "another subject": lambda said: {**said, "subject": "q"},
    "another partner": lambda said: {**said, "partitionkey": "q"},
    "another type": lambda said: {**said, "type": "partnerships.ReportPartnerStanding.v1"},
    "another value": lambda said: {**said, "data": {**said["data"], "quota_limit": 8}},
    "a field that is not known yet": lambda said: {**said, "data": {**said["data"], "later": True}},
    "another actor": lambda said: {**said, "data": {**said["data"], "actor": messages.SYSTEM | {"user_id": "x"}}},
    "null in the place of nothing": lambda said: {**said, "data": {**said["data"], "notice_days": None}},
}


@pytest.mark.parametrize("change", SAME)
def test_a_repeat_is_the_same_whatever(change: str) -> None:
    said = register(data={**register()["data"], "as_of": "2026-01-01T00:00:00Z"})

    assert digest(SAME[change](said)) == digest(said)


def test_a_repeat_is_the_same_whatever_its_white_space_and_escapes() -> None:
    said = register()
    said["data"]["name"] = "Zoë 名"

    assert digest(said, indent=3) == digest(said, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize("change", OTHER)
def test_another_command_has_another_digest(change: str) -> None:
    said = register(data={**register()["data"], "as_of": "2026-01-01T00:00:00Z"})

    assert digest(OTHER[change](said)) != digest(said)


def test_what_belongs_to_one_part_cannot_be_moved_into_another() -> None:
    """Joined without bounds, ("ab", "c") and ("a", "bc") would be one."""
    assert digest(register(subject="ab", partitionkey="c")) != digest(register(subject="a", partitionkey="bc"))


# --------------------------------------------------------------------------------------------------------------- sealed


def test_a_command_of_our_own_is_read_where_it_is_sealed() -> None:
    value = forged("x")

    found = readable(value, ((SIGNATURE_HEADER, SECRETS.seal(value)),))

    assert found.internal
    assert isinstance(found.message.data, CompleteSwitch)


@pytest.mark.parametrize(
    "signature",
    [
        None,
        b"",
        b"\xff" * 64,
        b"0" * 64,
        b"0" * 10_000,
        SECRETS.seal(forged("other")),
        Secrets("x" * 32).seal(forged("x")),
    ],
)
def test_a_command_that_says_it_is_ours_is_not(signature: bytes | None) -> None:
    assert unreadable(forged("x"), ((SIGNATURE_HEADER, signature),)).reason is Unreadable.UNKNOWN_TYPE


def test_a_seal_is_for_the_bytes_as_they_are() -> None:
    value = forged("x")
    signature = SECRETS.seal(value)

    assert unreadable(value.replace(b'"s"', b'"t"'), ((SIGNATURE_HEADER, signature),))


def test_a_sealed_public_command_is_a_public_command() -> None:
    """The seal makes nothing internal that is not: an id with ~ stays reserved."""
    value = messages.register_partner("p")

    assert not readable(value, ((SIGNATURE_HEADER, SECRETS.seal(value)),)).internal


# ------------------------------------------------------------------------------------------------------------- whatever


@pytest.mark.parametrize("name", [name for name, poison in POISONS.items() if poison.outcome == "dead_letter"])
def test_an_error_is_short_and_does_not_quote_the_value(name: str) -> None:
    found = unreadable(POISONS[name].value)

    assert found.reason.value == POISONS[name].code
    assert len(found.error) <= ERROR_CHARACTERS_MAX
    assert "Ltd" not in found.error
    assert "desk@" not in found.error


@given(st.binary(max_size=300))
@example(b"\xff" * 10)
def test_no_bytes_raise(value: bytes) -> None:
    decoded(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(list(register())), JSON), JSON)
def test_no_json_raises(frame: dict[str, Any], data: Any) -> None:
    decoded(json.dumps({**register(), **frame}).encode())
    decoded(json.dumps({**register(), "data": data}).encode())
    decoded(json.dumps(register(data={**register()["data"], "actor": data, "quota_limit": data})).encode())
