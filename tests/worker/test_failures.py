"""What is done about each failure, and what is said of it: the table of worker/failures.py (P6, P7)."""

from typing import Any

import pytest
from aiokafka.errors import InvalidProducerEpoch, KafkaConnectionError, ProducerFenced
from bson.errors import InvalidBSON, InvalidDocument
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DocumentTooLarge,
    DuplicateKeyError,
    InvalidOperation,
    OperationFailure,
)

from worker.failures import (
    ERROR_CHARACTERS_MAX,
    Fate,
    Fenced,
    StopWorker,
    TooManyConflicts,
    UnreadableDocument,
    Unstorable,
    describe,
    fate_of,
)

PERSONAL = "the document of ada@c1.example"


def bulk(*codes: int) -> BulkWriteError:
    """As MongoDB says it of the writes of one batch: the whole of each that failed is in it."""
    failed: list[dict[str, Any]] = [{"code": code, "errmsg": PERSONAL, "op": {"offer": PERSONAL}} for code in codes]
    return BulkWriteError({"writeErrors": failed})


@pytest.mark.parametrize("code", [2, 9, 22, 10334, 17280, 17419, 17420])
def test_what_one_document_causes_is_a_dead_letter_in_the_end(code: int) -> None:
    """Also among the writes of a batch, which has a code of its own."""
    assert fate_of(OperationFailure(PERSONAL, code)) is Fate.HALVE
    assert fate_of(bulk(11000, code)) is Fate.HALVE


@pytest.mark.parametrize("code", [None, 1, 11000, 13, 91, 112, 189, 251])
def test_what_mongodb_refuses_for_another_reason_is_tried_again(code: int | None) -> None:
    assert fate_of(OperationFailure(PERSONAL, code)) is Fate.REOPEN


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (StopWorker("a bad release"), Fate.STOP),
        (UnreadableDocument("partnership", "p-1", "later"), Fate.STOP),
        (ValueError("a defect"), Fate.STOP),
        (Unstorable("p-1"), Fate.HALVE),
        (TooManyConflicts("3 conflicts"), Fate.HALVE),
        (DocumentTooLarge("p-1"), Fate.HALVE),
        (InvalidDocument("p-1"), Fate.HALVE),
        (InvalidBSON("p-1"), Fate.HALVE),
        (Fenced("lane 1"), Fate.YIELD),
        (ProducerFenced(), Fate.YIELD),
        (InvalidProducerEpoch(), Fate.YIELD),
        (KafkaConnectionError("away"), Fate.REOPEN),
        (AutoReconnect("away"), Fate.REOPEN),
        (bulk(11000), Fate.REOPEN),
        (TimeoutError(), Fate.REOPEN),
        (ConnectionResetError("away"), Fate.REOPEN),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.name,
)
def test_this_becomes_of_a_lane_whose_batch_failed(error: Exception, fate: Fate) -> None:
    assert fate_of(error) is fate


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OperationFailure(PERSONAL, 22), "OperationFailure[22]"),
        (OperationFailure(PERSONAL), "OperationFailure[]"),
        (DuplicateKeyError(PERSONAL, 11000), "DuplicateKeyError[11000]"),
        (bulk(11000, 2), "BulkWriteError[2, 65, 11000]"),
        (InvalidOperation(PERSONAL), "InvalidOperation"),
        (InvalidDocument(PERSONAL), "InvalidDocument"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_of_an_error_of_mongodbs_class_and_codes_are_said_and_no_word_of_its_text(error: Exception, said: str) -> None:
    assert describe(error) == said


def test_of_any_other_error_its_text_is_said_as_far_as_it_fits() -> None:
    assert describe(ValueError("a defect")) == "ValueError('a defect')"
    assert describe(ValueError("x" * 1000)) == "ValueError('" + "x" * (ERROR_CHARACTERS_MAX - 12)
