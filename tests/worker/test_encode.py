"""A notice's token: put in when it goes out, and left out for those who do not know the secret (R17, R77)."""

import json

import pytest

from contracts.topics import TopicName
from worker.encode import as_published, with_token, without_token
from worker.records import Outgoing
from worker.secrets import Secrets

SECRETS = Secrets("0123456789abcdef0123456789abcdef")
OTHERS = Secrets("fedcba9876543210fedcba9876543210")
VALUE = b'{"id":"e-1","data":{"template":"invitation","params":{"partner_name":"Acme"}}}'


def notice(purpose: str, number: int, value: bytes | None = VALUE) -> Outgoing:
    return Outgoing(TopicName.NOTICE_EVENTS, 0, b"p-1", value, token=(purpose, "p-1", number, SECRETS.id))


@pytest.mark.requirement("R17", "R77")
@pytest.mark.parametrize(
    ("purpose", "number", "token"),
    [("invitation", 1, "c9AmfnnECsrzoXAUXqo0JZOCWTsQ-SKBpMJ-vCRWBag"), ("code", 2, "416810")],
)
def test_a_notice_goes_out_with_the_token_that_it_asks_for(purpose: str, number: int, token: str) -> None:
    """The same for ever: a link that somebody has stays right."""
    sent = json.loads(with_token(notice(purpose, number), SECRETS) or b"")
    params = {"partner_name": "Acme", "token": token}
    assert sent == {"id": "e-1", "data": {"template": "invitation", "params": params}}


def test_what_asks_for_no_token_goes_out_as_it_is() -> None:
    plain = Outgoing(TopicName.NOTICE_EVENTS, 0, b"p-1", VALUE)
    assert with_token(plain, SECRETS) is VALUE
    assert with_token(notice("invitation", 1, value=None), SECRETS) is None


@pytest.mark.requirement("R17")
def test_without_the_token_a_notice_is_what_it_was() -> None:
    assert without_token(with_token(notice("invitation", 1), SECRETS)) == VALUE
    assert without_token(VALUE) == VALUE


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"no JSON",
        b"[]",
        b"{}",
        b'{"data":null}',
        b'{"data":{"params":[]}}',
        b'{"data":{"params":"token"}}',
    ],
)
def test_what_is_no_notice_has_no_token_to_leave_out(value: bytes | None) -> None:
    assert without_token(value) is value


@pytest.mark.requirement("R17", "R77")
def test_a_token_of_a_secret_that_is_not_known_is_left_out_and_not_made_anew() -> None:
    record = notice("invitation", 1)
    assert as_published(record, SECRETS) == (with_token(record, SECRETS), True)
    assert as_published(record, OTHERS) == (VALUE, False)
    assert as_published(record._replace(token=None), OTHERS) == (VALUE, True)
