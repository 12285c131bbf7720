"""A corrected body for a dead letter: the original stays as it was, and the two know each other."""

from typing import Any

import orjson

from contracts.base import ID_CHARACTERS_MAX
from worker.clock import new_id
from worker.mongo.letters import Letter
from worker.operate.commands import apply_settings, check_command, find_command
from worker.operate.errors import WrongRequest

DATA = "data."
MARK_CHARACTERS = len("-edit-") + 8


def body_of(letter: Letter) -> dict[str, Any] | None:
    """The letter's body, where it is a JSON object."""
    try:
        body = orjson.loads(letter.get("value") or b"")
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def text_of(letter: Letter) -> str:
    """The letter's body to edit: well laid out where it is JSON, else as it came."""
    body = body_of(letter)
    return pretty(body) if body is not None else bytes(letter.get("value") or b"").decode("utf-8", "backslashreplace")


def pretty(body: dict[str, Any]) -> str:
    """A body for people."""
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode() + "\n"


def parse(text: str | bytes, where: str) -> dict[str, Any]:
    """A whole body. Raises WrongRequest where it is no JSON object."""
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise WrongRequest(f"{where}: not JSON: {error}") from None
    if not isinstance(body, dict):
        raise WrongRequest(f"{where}: a JSON object is needed")
    return body


def with_settings(body: dict[str, Any] | None, settings: list[str]) -> dict[str, Any]:
    """A body with `path=value` put in: `data.reason=…`, or an attribute such as `type=…`.

    Raises:
        WrongRequest: it has no body to put them in, or they make no sense.
    """
    if body is None:
        raise WrongRequest("Its body is no JSON object, so nothing can be --set in it: give a whole one with --file.")
    of_data = [setting.removeprefix(DATA) for setting in settings if setting.startswith(DATA)]
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise WrongRequest(f"{setting!r} is not PATH=VALUE")
        if not setting.startswith(DATA):
            body[name] = value
    if of_data:
        if not isinstance(body.get("data"), dict):
            body["data"] = {}
        apply_settings(find_command(str(body.get("type"))), body["data"], of_data)
    return body


def corrected(letter: Letter, body: dict[str, Any]) -> dict[str, Any]:
    """The body as it is to be decided: under an id of its own, and readable.

    The journal links the two: the letter's `edited_to`, and the `edited_from` of the new entry.

    Raises:
        WrongRequest: the worker could not read it; with every field that is wrong, and why.
    """
    old = letter["command_id"]
    if not body.get("id") or body["id"] == old:
        stem = (old or "letter").lstrip("~") or "letter"
        body = {**body, "id": f"{stem[: ID_CHARACTERS_MAX - MARK_CHARACTERS]}-edit-{new_id()[:8]}"}
    check_command(body)
    return body
