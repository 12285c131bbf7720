"""Dead letters as JSON lines: all of their bytes, with what people and jq can read beside them."""

import base64
from typing import Any

import orjson

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


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)


def encoded(letter: Letter) -> bytes:
    """Its line."""
    return orjson.dumps(line_of(letter), option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
