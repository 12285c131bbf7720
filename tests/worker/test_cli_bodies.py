"""What may be personal is shown to who asks for it with --bodies, and a token to nobody."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from bson import decode

import contracts
from contracts.events.facts import PartnerContact
from handlers.documents import Partner
from worker.cli.tail import _show
from worker.mongo.store import UTC_AWARE, document_to_bson
from worker.operate.tail import Seen, told
from worker.operate.verify.fold import _compare, _Folded
from worker.operate.verify.report import Difference, Kind, Report

EXAMPLES = Path(contracts.__file__).parent / "examples"
LINK = "never-guess-this-token"


def event(name: str, **data: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / name / "v1" / "usual.json").read_bytes())
    return {**found, "data": {**found["data"], **data}}


def notice() -> dict[str, Any]:
    return event("NoticeSent", address="adelheid@wunderlich.example", params={"company": "Wunderlich", "token": LINK})


def test_a_notice_is_shown_without_address_and_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    seen = Seen("partnership.notice.events", 0, 1, datetime.now(UTC), told(notice(), bodies=False))

    _show(seen)

    assert seen.data.keys() >= {"notice_id", "party", "channel", "template", "sequence"}
    assert seen.data.keys().isdisjoint({"address", "params"})
    assert "NoticeSent" in capsys.readouterr().out


def test_with_bodies_all_is_shown_but_the_token() -> None:
    shown = told(notice(), bodies=True)["data"]

    assert shown["address"] == "adelheid@wunderlich.example"
    assert shown["params"] == {"company": "Wunderlich", "token": "(hidden)"}


def test_a_refusal_keeps_its_code_and_message() -> None:
    shown = told(event("CommandRejected", details={"email": "adelheid@wunderlich.example"}), bodies=False)["data"]

    assert shown.keys() >= {"code", "message", "retryable", "command_id"}
    assert "details" not in shown


def test_an_event_with_ids_only_is_shown_as_it_is() -> None:
    found = event("QuotaUpdated")

    assert told(found, bodies=False) == found


@pytest.mark.parametrize(
    "found",
    [
        {"type": "partnerships.NobodyKnows.v1", "data": {"name": "Adelheid", "params": {"token": LINK}}},
        {**event("QuotaUpdated"), "data": {"name": "Adelheid"}},
        event("QuotaUpdated", added_later="Adelheid"),
        {"type": ["no", "text"], "data": "Adelheid"},
    ],
)
def test_what_this_release_does_not_know_may_be_personal(found: dict[str, Any]) -> None:
    shown = told(found, bodies=False)

    assert "Adelheid" not in json.dumps(shown)
    assert shown["type"] == found["type"]
    assert LINK not in json.dumps(told(found, bodies=True))


def differences(*values: tuple[str | bytes, str | bytes], bodies: bool) -> list[Difference]:
    found: list[Difference] = []
    report = Report(found.append, bodies)
    for expected, there in values:
        report.differ(Kind.RECORD_DIFFERS, "there", None, expected, there)
    return found


def test_a_record_that_differs_is_told_by_its_size() -> None:
    (hidden,) = differences((b"Adelheid", "nothing"), bodies=False)
    (shown,) = differences((b"Adelheid", "nothing"), bodies=True)

    assert (hidden.expected, hidden.found) == ("value of 8 bytes", "nothing")
    assert shown.expected == "Adelheid"


def test_a_record_that_differs_shows_its_token_to_nobody() -> None:
    (shown,) = differences((orjson.dumps({"data": {"params": {"token": LINK, "x": "y"}}}), "nothing"), bodies=True)

    assert '"x":"y"' in shown.expected
    assert LINK not in shown.expected


@pytest.mark.parametrize("bodies", [False, True])
def test_fields_that_differ_are_named_and_their_values_shown_when_asked_for(*, bodies: bool) -> None:
    found: list[Difference] = []
    partner = Partner(id="acme", rev=3, contact=PartnerContact(name="Adelheid Ltd"), language="en")
    stored = {**decode(document_to_bson(partner).raw, UTC_AWARE), "language": "zh"}

    _compare(Report(found.append, bodies), _Folded("partners", "acme", 3, partner), stored)

    assert (found[0].expected, found[0].found) == (
        ("language='en'", "language='zh'") if bodies else ("language=…", "language=…")
    )
