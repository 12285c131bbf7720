"""Who waits for whom, as a table: the keys that a dead letter blocks by, and those that a command waits for (P6)."""

import pytest

from worker.letters.keys import key_of, keys_of


@pytest.mark.parametrize(
    ("subject", "partner", "key"),
    [
        ("p-1", "acme", "subject:p-1\tacme"),
        ("p-1", "other", "subject:p-1\tother"),
        ("acme", "acme", "partner:acme"),
        (None, "acme", "partner:acme"),
    ],
    ids=["a partnership", "the same id in another partner's name", "the partner", "nobody can say"],
)
def test_a_letter_blocks_a_partnership_of_its_partner_or_the_partner(
    subject: str | None, partner: str, key: str
) -> None:
    assert key_of(subject, partner) == key


@pytest.mark.parametrize(
    ("subject", "partner", "keys"),
    [
        ("p-1", "acme", ("subject:p-1\tacme", "partner:acme")),
        ("acme", "acme", ("partner:acme",)),
    ],
    ids=["a partnership", "the partner"],
)
def test_a_command_waits_for_its_partnership_and_its_partner(subject: str, partner: str, keys: tuple[str, ...]) -> None:
    assert keys_of(subject, partner) == keys


def test_a_letter_about_a_partner_holds_its_partnerships_and_one_about_a_partnership_no_other() -> None:
    assert key_of(None, "acme") in keys_of("p-1", "acme")
    assert key_of("acme", "acme") in keys_of("p-1", "acme")
    assert key_of("p-1", "acme") not in keys_of("p-2", "acme")
    assert key_of("p-1", "acme") not in keys_of("acme", "acme")
    assert key_of("p-1", "acme") not in keys_of("p-1", "other")
