"""The JSON Schemas in the repository are those of the code, and what is published keeps them."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contracts import schemas
from contracts.events.facts import CustomerStandingRecorded
from contracts.events.notice import NoticeSent
from contracts.registry import COMMANDS, EVENTS
from contracts.rejections import CommandAnswered
from tests.examples import messages


def test_the_schemas_are_current() -> None:
    wanted = schemas.files()
    stored = {path: path.read_text(encoding="utf-8") for path in schemas.FOLDER.iterdir()}
    assert stored == wanted, "run python -m contracts.schemas"


def test_no_schema_shows_what_is_not_published() -> None:
    assert "private" not in schemas.schema_of(CustomerStandingRecorded)["properties"]
    assert "token" not in schemas.schema_of(NoticeSent)["properties"]


def test_every_message_of_the_tour_is_as_its_schema_says() -> None:
    validators: dict[str, Draft202012Validator] = {}
    for data, frame in messages():
        name = data.wire_type()
        if name not in validators:
            validators[name] = Draft202012Validator(schemas.schema_of(type(data)))
        problems = [
            f"{problem.json_path}: {problem.message}" for problem in validators[name].iter_errors(frame["data"])
        ]
        assert problems == [], name
    assert validators.keys() >= {*EVENTS, *COMMANDS} - {CommandAnswered.wire_type()}


@pytest.mark.parametrize("kind", EVENTS.values(), ids=lambda kind: kind.__name__)
def test_an_event_promises_what_is_always_there_and_never_a_null(kind: Any) -> None:
    schema = schemas.schema_of(kind)
    assert {"sequence", "actor"} <= set(schema["required"])
    assert "null" not in str(schema)
    assert "default" not in str(schema["properties"])


def test_what_a_field_means_stands_in_its_schema() -> None:
    amount = schemas.schema_of(EVENTS["partnerships.FinalBillRecorded.v1"])["properties"]["amount"]
    assert "smallest unit" in amount["description"]
    assert "None for a company" in schemas.schema_of(NoticeSent)["properties"]["recipient_id"]["description"]
