"""Every message has a golden example, as it is on the wire, and every example is a message that there is."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.message import CommandFrame, Typed
from contracts.registry import COMMANDS, EVENTS, INTERNAL

FOLDER = Path("contracts/examples")
KINDS: dict[str, type[Typed]] = {**COMMANDS, **INTERNAL, **EVENTS}
EXAMPLES = sorted(FOLDER.rglob("*.json"))


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
def test_a_message_has_an_example(kind: type[Typed]) -> None:
    assert list((FOLDER / kind.__name__ / f"v{kind.VERSION}").glob("*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: "/".join(path.parts[2:]))
def test_an_example_is_read_and_written_without_loss(path: Path) -> None:
    example: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    CommandFrame.model_validate(example)
    kind = KINDS[example["type"]]
    assert path.parts[2:4] == (kind.__name__, f"v{kind.VERSION}"), "it lies in the folder of its type"

    data = kind.model_validate(example["data"])

    written = data.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    assert written == example["data"]


def test_no_file_among_the_examples_is_anything_else() -> None:
    assert [path for path in FOLDER.rglob("*") if path.is_file() and path not in EXAMPLES] == []
