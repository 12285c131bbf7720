"""Dead letters as JSON lines: all of their bytes, with what people and jq can read beside them."""

import base64
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import orjson
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, ValidationError

from contracts.topics import TopicName
from worker.operate.commands import explain
from worker.operate.errors import WrongRequest
from worker.operate.letters.find import Letter
from worker.operate.letters.look import body_of

LEFT_OUT = ("_id", "key", "value", "headers")


def line_of(letter: Letter) -> dict[str, Any]:
    """One letter. `key`, `value` and the headers' values are base64; `body` is the value as JSON or text."""
    body = body_of(letter.get("value"))
    line = {
        "id": letter["_id"],
        **{name: value for name, value in letter.items() if name not in LEFT_OUT},
        "headers": [[name, _text(value)] for name, value in letter.get("headers", ())],
        "key": _text(letter.get("key")),
        "value": _text(letter.get("value")),
    }
    return line | ({"body": body.value} if body.kind in ("JSON", "text") else {})


def _text(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def encoded(letter: Letter) -> bytes:
    """Its line."""
    return orjson.dumps(line_of(letter), option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)


def _bytes(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("base64 is needed")  # noqa: TRY004 - what pydantic takes for a wrong value
    return base64.b64decode(text, validate=True)


Bytes = Annotated[bytes, BeforeValidator(_bytes)]


class Place(BaseModel):
    """Where a record was appended."""

    model_config = ConfigDict(frozen=True)

    topic: str
    partition: int
    offset: int

    @property
    def name(self) -> TopicName | None:
        """The topic without the prefix of the deployment that it was exported from."""
        return next((name for name in TopicName if self.topic.endswith(name)), None)


class Carried(BaseModel):
    """A letter out of a file: what is needed to send its record again. What else a line has is for people."""

    model_config = ConfigDict(frozen=True)

    id: str
    state: str
    reason: str
    at: AwareDatetime
    type: str | None
    subject: str | None
    source: Place
    key: Bytes | None
    value: Bytes | None
    headers: tuple[tuple[str, Bytes | None], ...]
    blocks: str | None = None
    redacted: bool = False


def read_lines(lines: Iterable[bytes]) -> Iterator[Carried]:
    """Letters from JSON lines as `encoded` makes them. Raises WrongRequest, with the line's number."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield Carried.model_validate_json(line)
        except ValidationError as error:
            raise WrongRequest(f"Line {number} is no exported letter: {explain(error)}.") from None
