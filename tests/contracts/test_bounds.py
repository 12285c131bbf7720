"""What passes the contract fits into MongoDB, into Kafka, and into the events that follow from it."""

import types
from datetime import UTC, datetime
from typing import Any, get_args, get_origin

import pytest
from pydantic import TypeAdapter, ValidationError

from contracts.base import Contract, Id, Moment
from contracts.blocks import REMEDIES, BlockItem
from contracts.message import Command, Typed
from contracts.registry import COMMANDS, EVENTS, INTERNAL
from contracts.rejections import EXPLANATIONS, RejectionCode
from contracts.topics import TopicName

MESSAGES: list[type[Typed]] = [*COMMANDS.values(), *INTERNAL.values(), *EVENTS.values()]

MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


def test_a_time_is_kept_in_utc_and_milliseconds() -> None:
    assert MOMENT.validate_python("2026-01-15T14:00:00.123999+02:00") == datetime(2026, 1, 15, 12, 0, 0, 123000, UTC)
    assert MOMENT.dump_json(datetime(2026, 1, 15, 12, tzinfo=UTC)) == b'"2026-01-15T12:00:00.000Z"'


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-15T12:00:00"])
def test_a_time_that_utc_cannot_express_or_that_has_no_offset_is_unreadable(text: str) -> None:
    with pytest.raises(ValidationError):
        MOMENT.validate_python(text)


@pytest.mark.parametrize("text", ["", "x" * 129, "a\x00b", "tab\t", "line\n"])
def test_an_id_is_short_and_printable(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Id).validate_python(text)


def unbounded(schema: dict[str, Any], path: str = "") -> list[str]:
    """The places in a JSON Schema where a string, a list or an integer may be as large as it likes."""
    found = []
    if "enum" not in schema and "const" not in schema and schema.get("format") != "date-time":
        limit = {"string": "maxLength", "array": "maxItems", "integer": "maximum"}.get(str(schema.get("type")))
        if limit and limit not in schema:
            found.append(path)
    for name, part in schema.items():
        parts = part if isinstance(part, list) else [part]
        for each in parts:
            if isinstance(each, dict):
                found += unbounded(each, f"{path}/{name}")
    return found


@pytest.mark.parametrize("kind", [*COMMANDS.values(), *INTERNAL.values()], ids=lambda kind: kind.__name__)
def test_everything_in_a_command_is_bounded(kind: type[Command]) -> None:
    assert unbounded(kind.model_json_schema()) == []


def contracts_in(annotation: Any) -> list[type[Contract]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, Contract) else []
    return [found for part in get_args(annotation) for found in contracts_in(part)] if get_origin(annotation) else []


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_what_may_be_none_may_be_left_out(kind: type[Contract]) -> None:
    """Records are written without what is None, and have to be read again (the fold of the journal)."""
    for name, field in kind.model_fields.items():
        if type(None) in get_args(field.annotation):
            assert not field.is_required(), name
        for part in contracts_in(field.annotation):
            test_what_may_be_none_may_be_left_out(part)


@pytest.mark.parametrize("kind", EVENTS.values(), ids=lambda kind: kind.__name__)
def test_a_private_part_that_was_redacted_reads_as_its_defaults(kind: type[Contract]) -> None:
    field = kind.model_fields.get("private")
    if field is not None:
        assert field.exclude
        for part in contracts_in(field.annotation):
            part()


def test_every_message_has_a_topic_of_its_sort() -> None:
    for kind in COMMANDS.values():
        assert kind.TOPIC in {
            TopicName.FACTS,
            TopicName.INVITATION_COMMANDS,
            TopicName.BINDING_COMMANDS,
            TopicName.TERMINATION_COMMANDS,
        }
    for kind in INTERNAL.values():
        assert kind.TOPIC is TopicName.LANES
    for event in EVENTS.values():
        assert event.TOPIC.endswith(".events") or event.TOPIC is TopicName.REJECTIONS


@pytest.mark.requirement("R76")
def test_every_refusal_and_every_block_says_what_to_do() -> None:
    assert set(EXPLANATIONS) == set(RejectionCode)
    assert set(REMEDIES) == set(get_args(BlockItem))
    for explanation in EXPLANATIONS.values():
        assert explanation.sentence.endswith(".")
        assert explanation.advice.endswith(".")
