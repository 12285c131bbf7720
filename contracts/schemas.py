"""Writes the JSON Schema of every message to `contracts/schemas/`: `python -m contracts.schemas`."""

import json
from pathlib import Path
from typing import Any

from contracts.message import Typed
from contracts.registry import COMMANDS, EVENTS, INTERNAL

FOLDER = Path(__file__).parent / "schemas"


def schema_of(kind: type[Typed]) -> dict[str, Any]:
    """Of a command what the worker accepts, of an event what it publishes: without the private part."""
    schema = kind.model_json_schema(mode="serialization" if kind.wire_type() in EVENTS else "validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{kind.wire_type()}.schema.json",
        **schema,
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
