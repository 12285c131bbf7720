"""Writes the JSON Schema of every message to `contracts/schemas/`: `python -m contracts.schemas`."""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from contracts.base import Contract
from contracts.message import Typed
from contracts.registry import COMMANDS, EVENTS, INTERNAL

FOLDER = Path(__file__).parent / "schemas"


def schema_of(kind: type[Typed]) -> dict[str, Any]:
    """Of a command what the worker accepts, of an event what it publishes: without the private part."""
    is_event = kind.wire_type() in EVENTS
    schema = kind.model_json_schema(mode="serialization" if is_event else "validation")
    for name, part in {kind.__name__: schema, **schema.get("$defs", {})}.items():
        if "properties" in part:
            _describe(part["properties"], MODELS[name])
            if is_event:
                _promise(part)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{kind.wire_type()}.schema.json",
        **schema,
    }


def _promise(part: dict[str, Any]) -> None:
    """What has a value is always there, and what has none is left out: `null` is never published."""
    for field in part["properties"].values():
        if "anyOf" in field and field.get("default", "") is None:
            known = [choice for choice in field.pop("anyOf") if choice != {"type": "null"}]
            field.update(known[0] if len(known) == 1 else {"anyOf": known})
    needed = [name for name, field in part["properties"].items() if field.get("default", "") is not None]
    part["required"] = needed
    for field in part["properties"].values():
        field.pop("default", None)


# ------------------------------------------------------------------------------------------------------- what they mean


def _all(kind: type[Contract]) -> Iterator[type[Contract]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from _all(inner)


MODELS = {kind.__name__: kind for kind in _all(Contract) if kind.__module__.startswith("contracts.")}


def _describe(properties: dict[str, Any], kind: type[Contract]) -> None:
    """With the docstrings of the fields. Pydantic could do it, but at each start of a worker."""
    for base in reversed(kind.__mro__):
        if issubclass(base, Contract):
            for name, text in _docstrings(base).items():
                if name in properties:
                    properties[name]["description"] = text


def _docstrings(kind: type[Contract]) -> dict[str, str]:
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(body.body if isinstance(body, ast.ClassDef) else ())
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def files() -> dict[Path, str]:
    """Each schema's file, and what belongs into it."""
    kinds: list[type[Typed]] = [*COMMANDS.values(), *INTERNAL.values(), *EVENTS.values()]
    return {
        FOLDER / f"{kind.__name__}.v{kind.VERSION}.schema.json": json.dumps(schema_of(kind), indent=2) + "\n"
        for kind in kinds
    }


def main() -> None:
    """Write what is missing or has changed, and remove what no message has."""
    wanted = files()
    FOLDER.mkdir(exist_ok=True)
    for path in set(FOLDER.glob("*.json")) - set(wanted):
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
