"""What a JSON Schema of ours allows, at its edges: the longest texts in the worst characters, the largest numbers.

By the seed and fast enough for a hundred thousand, which strategies of a property-based test are not.
"""

import random
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
Field = tuple[str | int, ...]
"""The way to it: names, and 0 for the items of a list."""

CHARACTERS = ["x", "\u00e9", "e\u0301", "\u202e", "\ufeff", "\u2028", "\U0001f469\u200d", "\uffff", "$", ".", '"', "\\"]
"""None of them is a control character: ids may have none."""

MATCHING = {r"^[A-Z]{3}$": "EUR", r"^\d{4}-(0[1-9]|1[0-2])$": "2026-01"}
"""Patterns for which no edge is looked for."""

TIMES = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "2026-02-28T23:59:59.9999+14:00", "1970-01-01T00:00:00Z"]
ITEMS_MAX = 5


def allowed(schema: Schema, definitions: Schema, dice: random.Random) -> Any:
    """A value that this schema allows."""
    if "$ref" in schema:
        return allowed(_named(schema, definitions), definitions, dice)
    if "anyOf" in schema:
        return allowed(dice.choice(schema["anyOf"]), definitions, dice)
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            return {
                name: allowed(field, definitions, dice)
                for name, field in schema.get("properties", {}).items()
                if name in required or dice.random() < 0.7
            }
        case "array":
            items = dice.randrange(min(schema.get("maxItems", ITEMS_MAX), ITEMS_MAX) + 1)
            return [allowed(schema["items"], definitions, dice) for _ in range(items)]
        case _:
            return _scalar(schema, dice)


def _scalar(schema: Schema, dice: random.Random) -> Any:
    if "enum" in schema:
        return dice.choice(schema["enum"])
    match schema.get("type"):
        case "string":
            return _text(schema, dice)
        case "integer":
            least, most = schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1)
            return dice.choice([least, least + 1, most - 1, most])
        case "boolean":
            return dice.random() < 0.5
        case "null":
            return None
        case unknown:
            msg = f"no values of {unknown!r} are known: {schema}"
            raise NotImplementedError(msg)


def _text(schema: Schema, dice: random.Random) -> str:
    if schema.get("format") == "date-time":
        return dice.choice(TIMES)
    if schema.get("pattern") in MATCHING:
        return MATCHING[schema["pattern"]]
    least: int = schema.get("minLength", 0)
    most: int = schema.get("maxLength", 100)
    length = dice.choice([least, least + 1, most, dice.randrange(least, most + 1)])
    return (dice.choice(CHARACTERS) * length)[:length]


def text_fields(schema: Schema, definitions: Schema, at: Field = ()) -> Iterator[Field]:
    """Where texts may stand."""
    if "$ref" in schema:
        yield from text_fields(_named(schema, definitions), definitions, at)
    for one in schema.get("anyOf", ()):
        yield from text_fields(one, definitions, at)
    if schema.get("type") == "string":
        yield at
    for name, field in schema.get("properties", {}).items():
        yield from text_fields(field, definitions, (*at, name))
    if "items" in schema:
        yield from text_fields(schema["items"], definitions, (*at, 0))


def _named(schema: Schema, definitions: Schema) -> Schema:
    found: Schema = definitions[schema["$ref"].rpartition("/")[2]]
    return found
