"""Commands to send: which there are, what each needs, and whether one is right before it goes out."""

import difflib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

import contracts
from contracts.message import Command, CommandFrame
from contracts.registry import COMMANDS
from contracts.schemas import schema_of
from contracts.topics import COMMAND_BYTES_MAX
from worker.decode import strictly
from worker.operate.errors import WrongRequest

EXAMPLES = Path(contracts.__file__).parent / "examples"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a command's `data`, from its JSON Schema."""

    name: str
    type: str
    required: bool
    rule: str
    description: str


def find_command(name: str) -> type[Command]:
    """A command by its name or wire type, whatever its case. Raises WrongRequest, with what is like it."""
    names = _names()
    found = names.get(name.lower())
    if found is None:
        like = difflib.get_close_matches(name.lower(), names, n=1)
        hint = f"did you mean {names[like[0]].__name__}?" if like else "`send --list` shows all."
        raise WrongRequest(f"There is no command {name}: {hint}")
    return found


@cache
def _names() -> dict[str, type[Command]]:
    return {name.lower(): kind for wire, kind in COMMANDS.items() for name in (wire, kind.__name__)}


def example_of(kind: type[Command]) -> dict[str, Any]:
    """The contract's example of a command: a whole CloudEvent."""
    path = EXAMPLES / kind.__name__ / f"v{kind.VERSION}" / "usual.json"
    found: dict[str, Any] = orjson.loads(path.read_bytes())
    return found


def fields_of(kind: type[Command]) -> list[Field]:
    """What a command's data holds, required ones first."""
    schema = schema_of(kind)
    shared = schema.get("$defs", {})
    required = set(schema.get("required", ()))
    fields = [
        Field(name, _type(spec, shared), name in required, _rule(spec), spec.get("description", ""))
        for name, spec in schema["properties"].items()
    ]
    return sorted(fields, key=lambda field: not field.required)


def _type(spec: dict[str, Any], shared: dict[str, Any]) -> str:  # noqa: PLR0911 - one for each form of a schema
    if "$ref" in spec:
        return _type(shared[spec["$ref"].rsplit("/", 1)[1]], shared)
    if "enum" in spec:
        return " | ".join(map(str, spec["enum"]))
    if "const" in spec:
        return str(spec["const"])
    if "anyOf" in spec:
        return " | ".join(
            dict.fromkeys(_type(option, shared) for option in spec["anyOf"] if option != {"type": "null"})
        )
    if spec.get("type") == "array":
        return f"list of {_type(spec.get('items', {}), shared)}"
    if spec.get("type") == "object" and "properties" in spec:
        needed = set(spec.get("required", ()))
        return "{" + ", ".join(name if name in needed else f"{name}?" for name in spec["properties"]) + "}"
    return str(spec.get("format") or spec.get("type", "anything"))


def _rule(spec: dict[str, Any]) -> str:
    bounds = {**next((o for o in spec.get("anyOf", ()) if o.get("type") != "null"), {}), **spec}
    parts = []
    if "maxLength" in bounds:
        parts.append(f"≤ {bounds['maxLength']} characters")
    if "maxItems" in bounds:
        parts.append(f"≤ {bounds['maxItems']}")
    if bounds.get("minimum") is not None:
        parts.append(f"≥ {bounds['minimum']}")
    if spec.get("default") not in {None, ""} and not isinstance(spec["default"], dict | list):
        parts.append(f"else {spec['default']}")
    return ", ".join(parts)


def apply_settings(kind: type[Command], data: dict[str, Any], settings: list[str]) -> None:
    """Put `name=value` into a command's data; `a.b=value` goes into an object.

    A value is JSON where it is JSON, and text where it is not, or where the contract wants text.
    """
    texts: dict[tuple[str, ...], str] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise WrongRequest(f"{setting!r} is not NAME=VALUE")
        path = tuple(name.split("."))
        texts[path] = text
        _set_field(data, path, _value_of(name, text))
    try:
        strictly(kind, orjson.dumps(data))
    except (TypeError, RecursionError):
        pass  # so deep that no command can hold it, as is said when it is checked
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False):
            place = tuple(map(str, problem["loc"]))
            if problem["type"] == "string_type" and place in texts:
                _set_field(data, place, texts[place])


def _value_of(name: str, text: str) -> Any:
    try:
        value = json.loads(text)
        orjson.dumps(value)
    except json.JSONDecodeError:
        return text
    except (RecursionError, orjson.JSONEncodeError) as error:  # so deep, or so large, that no command can hold it
        raise WrongRequest(f"{name}: {error}") from None
    return value


def _set_field(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        data = data.setdefault(name, {})
        if not isinstance(data, dict):
            raise WrongRequest(f"{'.'.join(path)}: {name} is no object")
    data[path[-1]] = value


def encoded(body: dict[str, Any]) -> bytes:
    """The bytes of a CloudEvent. Raises WrongRequest where JSON has none for it, or where they are too many."""
    try:
        value = orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise WrongRequest(f"It cannot be sent as JSON: {error}") from None
    if len(value) > COMMAND_BYTES_MAX:
        raise WrongRequest(f"A command of {len(value):,} bytes; the most is {COMMAND_BYTES_MAX:,}.")
    return value


def check_command(body: dict[str, Any]) -> type[Command]:
    """See that the worker could read this CloudEvent.

    Raises:
        WrongRequest: with every field that is wrong, and why.
    """
    encoded(body)
    try:
        frame = CommandFrame.model_validate(body)
    except ValidationError as error:
        raise WrongRequest(f"No CloudEvent: {explain(error)}") from None
    kind = find_command(frame.type)
    if frame.id.startswith("~"):
        raise WrongRequest("Ids that begin with ~ are the worker's own: choose another --id.")
    try:
        strictly(kind, orjson.dumps(body.get("data")))
    except (TypeError, RecursionError) as error:
        raise WrongRequest(f"{kind.__name__}: {error}") from None
    except ValidationError as error:
        what = explain(error)
        raise WrongRequest(f"{kind.__name__}: {what}. `send --describe {kind.__name__}` shows its fields.") from None
    return kind


def explain(error: ValidationError) -> str:
    """Field and rule of each problem."""
    problems = error.errors(include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, problem['loc'])) or 'data'}: {problem['msg']}" for problem in problems)
