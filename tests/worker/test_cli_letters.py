"""`dead-letters list` and `show` on letters that a worker made: each screen, and what it says to do next."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import messages
from tests.support.command_line import Told, tell
from tests.support.deployment import Deployment
from tests.support.orders import give, letter
from tests.support.waiting import wait_until
from worker.servers import Servers

HEADERS = [("traceparent", b"00-secret-01"), ("content-type", b"application/cloudevents+json")]


def wrong(partnership: str, partner: str, command_id: str, **frame: Any) -> bytes:
    """A cancellation whose reason is no text."""
    event = json.loads(messages.cancel(partnership, partner, command_id))
    event["data"]["reason"] = ["no", "text"]
    return json.dumps({**event, **frame}).encode()


@pytest.fixture(scope="module")
def world(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Letters of every state: three that failed alike, what waits behind them, an edited and a discarded one."""
    deployment = Deployment(servers, lanes=2, directory=tmp_path_factory.mktemp("letters"))
    try:
        deployment.make_topics()
        deployment.produce(messages.FACTS, messages.register_partner("acme"), messages.register_partner("bolt"))
        worker = deployment.start_worker()
        deployment.wait_decided(["register-acme", "register-bolt"])
        values = [
            *(messages.invite(f"p-{number}", "acme") for number in range(4)),
            wrong("p-1", "acme", "wrong-1"),
            messages.cancel("p-1", "acme"),
            messages.cancel("p-1", "acme", "cancel-again"),
            wrong("p-2", "acme", "wrong-2"),
            wrong("p-3", "acme", "wrong-3"),
            wrong("bolt", "bolt", "of-the-partner", type="partnerships.NobodyKnows.v1"),
            messages.invite("p-9", "bolt"),
        ]
        deployment.produce(messages.INVITATION, *values, partition=0)
        deployment.produce(messages.INVITATION, b"\x00\xff bytes", headers=HEADERS, partition=1)
        deployment.produce(messages.INVITATION, b"only text", partition=1)
        wait_until(lambda: deployment.db.dead_letters.count_documents({}) == 9, what="nine letters")
        deployment.wait_published()
        mended = json.loads(messages.cancel("p-3", "acme", "mended"))
        give(deployment, "edit", "wrong-3", body=mended, reason="a slip", plan="accepted")
        give(deployment, "replay", "wrong-1", reason="perhaps [now]")
        text = deployment.db.dead_letters.find_one({"value": b"only text"})
        assert text is not None
        give(deployment, "discard", text["_id"], reason="no command")
        worker.terminate()
        yield deployment
    finally:
        deployment.close()


def listed(world: Deployment, *arguments: str) -> list[Any]:
    """Without the summary."""
    return tell(world, "dead-letters", "list", *arguments, "--json").json[:-1]


def fits(told: Told) -> str:
    """The screen. Lines that have an id are as long as that: they are to be copied."""
    long = [line for line in told.out.splitlines() if len(line) > 80 and "~t" not in line]
    assert long == []
    return told.out


# ---------------------------------------------------------------------------------------------------------------- list


def test_letters_are_grouped_by_how_they_failed_what_hurts_most_first(world: Deployment) -> None:
    told = tell(world, "dead-letters", "list", "--json")

    groups = [(group["reason"], group["state"], group["letters"], group["partnerships"]) for group in told.json[:-1]]
    assert groups[0] == ("INVALID_DATA", "open", 2, 2)
    assert sorted(groups[1:3]) == [("NOT_JSON", "open", 1, 0), ("UNKNOWN_TYPE", "open", 1, 1)]
    assert sorted(groups[3:]) == [("PARKED_BEHIND", "parked", 1, 1), ("PARKED_BEHIND", "parked", 2, 1)]
    assert told.json[-1] == {"summary": {"letters": {"open": 4, "parked": 3}, "more_groups": 0}}
    first = told.json[0]
    assert first["sample"] == letter(world, "wrong-1")["_id"]
    assert first["oldest"] <= first["newest"]


def test_the_list_says_what_to_do_next_and_how_much_it_does_not_show(world: Deployment) -> None:
    screen = fits(tell(world, "dead-letters", "list", "-n", "1"))

    oldest = letter(world, "wrong-1")
    assert "INVALID_DATA CancelInvitation · 2 letters of 2 partnerships · open" in screen
    assert "reason: Input should be a valid string" in screen
    assert "In all 4 open, 3 parked; 4 more groups: --limit shows more." in screen
    assert f"partnership-worker dead-letters show '{oldest['_id']}'\n" in screen
    assert f"partnership-worker dead-letters replay --fingerprint {oldest['fingerprint']}\n" in screen


def test_one_fingerprint_is_listed_letter_by_letter(world: Deployment) -> None:
    fingerprint = letter(world, "wrong-1")["fingerprint"]

    screen = fits(tell(world, "dead-letters", "list", "--fingerprint", fingerprint, "-n", "1"))

    assert "INVALID_DATA CancelInvitation p-1 · open" in screen
    assert "… and 1 more: --limit shows more, export writes all." in screen
    assert "NOT_JSON" not in screen


@pytest.mark.parametrize(
    ("arguments", "commands"),
    [
        (("--reason", "INVALID_DATA"), ["wrong-1", "wrong-2"]),
        (("--reason", "INVALID_DATA", "--state", "any"), ["wrong-1", "wrong-2", "wrong-3"]),
        (("--state", "resolved", "--state", "discarded"), ["wrong-3", None]),
        (("--type", "CancelInvitation", "--state", "parked"), ["cancel-p-1", "cancel-again"]),
        (("--type", "partnerships.NobodyKnows.v1"), ["of-the-partner"]),
        (("--type", "NobodyKnows"), ["of-the-partner"]),
        (("--partner", "bolt"), ["of-the-partner", "invite-p-9"]),
        (("--partnership", "p-2"), ["wrong-2"]),
        (("--customer", "p-2"), ["wrong-2"]),
        (("--topic", "invitation", "--reason", "NOT_JSON"), [None]),
        (("--topic", "facts"), []),
        (("--since", "1h", "--partnership", "p-2"), ["wrong-2"]),
        (("--until", "1h"), []),
        (("wrong-3", "cancel-p-1"), ["cancel-p-1", "wrong-3"]),
    ],
)
def test_filters(world: Deployment, arguments: tuple[str, ...], commands: list[str | None]) -> None:
    told = tell(world, "dead-letters", "list", "--flat", *arguments, "--json")

    assert sorted(line["command_id"] or "" for line in told.json[:-1]) == sorted(name or "" for name in commands)
    assert told.json[-1] == {"summary": {"letters": len(commands)}}
    assert told.code == (0 if commands else 4)
    assert all("value" not in line for line in told.json)


def test_letters_of_a_partner_are_in_log_order_and_the_limit_is_kept(world: Deployment) -> None:
    ids = [line["command_id"] for line in listed(world, "--flat", "--partner", "acme", "--state", "any")]
    some = [line["command_id"] for line in listed(world, "--flat", "--partner", "acme", "--state", "any", "-n", "2")]

    assert ids == ["wrong-1", "cancel-p-1", "cancel-again", "wrong-2", "wrong-3"]
    assert some == ids[:2]


def test_of_a_customer_are_the_letters_of_its_partnerships(world: Deployment) -> None:
    world.db.partnerships.update_one({"_id": "p-1"}, {"$set": {"customer_id": "zephyr"}})

    ids = [line["command_id"] for line in listed(world, "--flat", "--customer", "zephyr")]

    assert ids == ["wrong-1", "cancel-p-1", "cancel-again"]


def test_nothing_that_fits_is_said_and_has_an_exit_code(world: Deployment) -> None:
    told = tell(world, "dead-letters", "list", "--reason", "NO_SUCH")

    assert (told.code, told.out) == (4, "No dead letter fits.\n")


# ---------------------------------------------------------------------------------------------------------------- show


def shown(world: Deployment, command_id: str, *arguments: str) -> str:
    """Without line breaks where a sentence did not fit."""
    return fits(tell(world, "dead-letters", "show", letter(world, command_id)["_id"], *arguments))


def test_an_open_letter_with_what_waits_behind_it_and_what_was_done(world: Deployment) -> None:
    screen = shown(world, "wrong-1")

    place = letter(world, "wrong-1")["source"]
    for part in (
        "open CancelInvitation",
        "INVALID_DATA reason: Input should be a valid string",
        f"{place['topic']}:{place['partition']}:{place['offset']}",
        "replayed     1 of 5 times",
        "this release cannot read it either",
        "partnership p-1: 2 letters parked behind it",
        "CancelInvitation cancel-p-1",
        "CancelInvitation cancel-again",
        "replay by olga “perhaps [now]”",
        "result: failed: INVALID_DATA",
        "dead-letters edit '~",
        "dead-letters release '~",
        "dead-letters discard '~",
    ):
        assert part in screen, part


def test_it_is_found_by_its_commands_id_too(world: Deployment) -> None:
    assert tell(world, "dead-letters", "show", "wrong-1").out.splitlines()[0] == letter(world, "wrong-1")["_id"]


def test_a_parked_letter_names_what_stands_before_it(world: Deployment) -> None:
    screen = shown(world, "cancel-again")

    assert f"waits for    {letter(world, 'wrong-1')['_id']}" in screen
    assert "this release can read it" in screen
    assert f"settled:\n  partnership-worker dead-letters show '{letter(world, 'wrong-1')['_id']}'" in screen
    assert "dead-letters replay '~" not in screen


def test_a_letter_of_a_partner_holds_all_that_is_its(world: Deployment) -> None:
    screen = " ".join(shown(world, "of-the-partner").split())

    assert "partner bolt with all its partnerships: 1 letter parked behind it" in screen
    assert "InviteCustomer invite-p-9" in screen


def test_a_corrected_letter_names_its_correction(world: Deployment) -> None:
    screen = shown(world, "wrong-3")

    assert "corrected by  mended" in screen
    assert "edit by olga “a slip”" in screen
    assert "plan:   accepted" in screen
    assert "partnership-worker journal mended\n" in screen


def test_what_a_producer_sent_is_shown_to_who_asks_for_it(world: Deployment) -> None:
    assert '"no"' not in shown(world, "wrong-1")
    assert '"no"' in shown(world, "wrong-1", "--bodies")
    (bytes_,) = listed(world, "--flat", "--reason", "NOT_JSON")
    hidden = tell(world, "dead-letters", "show", bytes_["id"]).out
    asked = tell(world, "dead-letters", "show", bytes_["id"], "--bodies").out
    assert "Body 8 bytes, binary" in hidden
    assert "traceparent\n" in hidden
    assert "traceparent 00-secret-01" in asked
    assert "000000  00 ff 20 62 79 74 65 73                          .. bytes" in asked


def test_as_json_it_is_the_same(world: Deployment) -> None:
    (seen,) = tell(world, "dead-letters", "show", "wrong-1", "--json").json
    (whole,) = tell(world, "dead-letters", "show", "wrong-1", "--json", "--bodies").json

    assert seen["reading"] == {"reason": "INVALID_DATA", "error": "reason: Input should be a valid string"}
    assert [line["_id"] for line in seen["first_waiting"]] == ["cancel-p-1", "cancel-again"]
    assert seen["waiting"] == 2
    assert seen["history"][0]["by"] == "olga"
    assert not {"key", "value", "body"} & seen.keys()
    assert whole["body"]["data"]["reason"] == ["no", "text"]


def test_a_discarded_letter_can_be_taken_up_again(world: Deployment) -> None:
    (line,) = listed(world, "--flat", "--state", "discarded")

    screen = fits(tell(world, "dead-letters", "show", line["id"]))

    assert f"dead-letters reopen '{line['id']}'" in screen
    assert "holds" not in screen


def test_what_is_decided_under_the_same_id_is_said(world: Deployment) -> None:
    """Its id came again with a body that could be read: a replay would be a repeat."""
    world.db.dead_letters.update_one({"command_id": "wrong-2"}, {"$set": {"command_id": "invite-p-0"}})
    try:
        screen = " ".join(fits(tell(world, "dead-letters", "show", "invite-p-0")).split())
    finally:
        world.db.dead_letters.update_one({"command_id": "invite-p-0"}, {"$set": {"command_id": "wrong-2"}})

    assert "decided the command's id by another record: accepted" in screen


def test_ids_that_are_not_there_or_not_clear_are_one_line(world: Deployment) -> None:
    none = tell(world, "dead-letters", "show", "nobody")
    world.db.dead_letters.update_one({"command_id": "wrong-2"}, {"$set": {"command_id": "wrong-1"}})
    try:
        several = tell(world, "dead-letters", "show", "wrong-1")
    finally:
        world.db.dead_letters.update_one({"subject": "p-2"}, {"$set": {"command_id": "wrong-2"}})

    assert (none.code, none.err.count("\n")) == (2, 1)
    assert "`dead-letters list` shows" in none.err
    assert (several.code, several.err.count("\n")) == (2, 1)
    assert "Several dead letters are of the command wrong-1" in several.err


def test_after_a_purge_there_is_nothing_to_replay(world: Deployment) -> None:
    kept = letter(world, "wrong-2")
    without = {"$unset": {"key": "", "value": "", "headers": ""}, "$set": {"redacted": True}}
    world.db.dead_letters.update_one({"_id": kept["_id"]}, without)
    try:
        screen = shown(world, "wrong-2")
    finally:
        world.db.dead_letters.replace_one({"_id": kept["_id"]}, kept)

    assert "a purge took its body" in screen
    assert "dead-letters replay" not in screen
    assert "dead-letters discard '~" in screen
