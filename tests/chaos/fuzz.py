"""Records that nobody should send, by the seed: commands of every type damaged in every way, and what is none at all.

They are about partners, partnerships and customers of their own, so that they block nobody else's; some of these are
sound, so that what is damaged meets documents.
"""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from itertools import cycle, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from contracts.message import Typed
from contracts.registry import COMMANDS, INTERNAL
from tests.chaos.edges import Field, Schema, allowed, text_fields
from tests.chaos.hostile import HEADER_NAMES, HEADER_VALUES, HOSTILE, KEYS, OPERATORS, RAW, SPLICES
from tests.support import messages
from tests.support.poison import POISONS, Headers
from worker.secrets import Secrets

if TYPE_CHECKING:
    from tests.chaos.commands import Item

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
SMALL_BYTES = 20_000
"""The large ones of the list are rare: a run is to meet many, not to carry gigabytes."""

TOGETHER = 60
"""Records about one partner; the first ones make it, and some partnerships of it."""

PARTNERSHIPS = 8
SOUND = ["RegisterPartner", "ReportCustomerStanding", "InviteCustomer", "OpenInvitation", "RecordIdentityVerification"]
FRAME_TEXTS: list[Field] = [
    ("id",),
    ("source",),
    ("type",),
    ("subject",),
    ("partitionkey",),
    ("time",),
    ("correlationid",),
]
MARK = "\0here\0"
"""Where a text is spliced in that no serializer would write."""


class Template(NamedTuple):
    """A type of command: where it goes to, its example, and its schema."""

    topic: str
    example: dict[str, Any]
    schema: Schema

    @property
    def texts(self) -> list[Field]:
        """Every field that may hold a text."""
        fields = dict.fromkeys(text_fields(self.schema, self.schema.get("$defs", {})))
        return FRAME_TEXTS + [("data", *path) for path in fields]


@cache
def templates() -> dict[str, Template]:
    """Of every command that anybody may send, and of those that only the worker may."""
    found = {}
    for kind in (*COMMANDS.values(), *INTERNAL.values()):
        name = f"{kind.__name__}.v{kind.VERSION}"
        topic = str(kind.TOPIC) if kind in COMMANDS.values() else messages.INVITATION
        found[kind.__name__] = Template(topic, _example(kind), _read(CONTRACTS / "schemas" / f"{name}.schema.json"))
    return found


def _example(kind: type[Typed]) -> dict[str, Any]:
    (file,) = (CONTRACTS / "examples" / kind.__name__ / f"v{kind.VERSION}").glob("*.json")
    example: dict[str, Any] = _read(file)
    return example


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


class Fuzzer:
    """An endless supply, the same for a seed."""

    def __init__(self, seed: int, secrets: Secrets) -> None:
        self._seed = seed
        self._secrets = secrets
        self._count = 0
        self._small = [p for p in POISONS.values() if len(p.value or b"") + len(p.key or b"") < SMALL_BYTES]
        self._all = list(POISONS.values())
        self._operators = self._operator_in_every_text()

    def item(self, dice: random.Random) -> "Item":
        """One record."""
        from tests.chaos.commands import Item  # noqa: PLC0415 - each needs the other

        self._count += 1
        value: bytes | None
        key, headers = dice.choice([None, b"", b"\xff", b"key"]), Headers()
        turn = self._count % TOGETHER
        topic = dice.choice([row.topic for row in templates().values()])
        if turn < len(SOUND) * 2 and dice.random() < 0.9:
            topic, value = self._sound(SOUND[turn // 2], dice)
        else:
            roll = dice.random()
            if roll < 0.1:
                poison = dice.choice(self._all if dice.random() < 0.02 else self._small)
                value, key, headers = poison.value, poison.key, list(poison.headers or [])
            elif roll < 0.2:
                value = dice.choice(RAW)(dice)
            elif roll < 0.45:
                topic, value = next(self._operators)
            elif roll < 0.65:
                topic, value = self._sound(dice.choice(list(templates())), dice)
            else:
                topic, value = self._damaged(dice)
        if dice.random() < 0.15:
            headers += [(dice.choice(HEADER_NAMES), dice.choice(HEADER_VALUES)) for _ in range(dice.randrange(1, 6))]
        return Item(topic, value, key, "fuzz", _id_of(value), "any", headers, dice.choice([-1, 0, 1]))

    def _command(self, name: str, number: int) -> dict[str, Any]:
        """The example, about one of these partnerships."""
        place = f"{self._seed}-{self._count // TOGETHER}"
        subject = f"zs{place}-{number}"
        names = {
            "p1": f"zp{place}",
            "p2": f"zp{place}",
            "c1": f"zc{place}-{number}",
            "p1-c1": subject,
            "p2-c1": subject,
        }
        body: dict[str, Any] = _renamed(templates()[name].example, names)
        body["id"] = f"z{self._seed}-{self._count}"
        if name == "OpenInvitation":
            body["data"]["token"] = self._secrets.token("invitation", subject, 1)
        return body

    def _sound(self, name: str, dice: random.Random) -> tuple[str, bytes]:
        """A command that can be read: the example, or what the schema allows at its edges about the same ones."""
        body = self._command(name, self._count % 2 if name in SOUND else dice.randrange(PARTNERSHIPS))
        if dice.random() < 0.5:
            schema = templates()[name].schema
            ours = {key: value for key, value in body["data"].items() if key in ("actor", "token", "customer_id")}
            body["data"] = {**allowed(schema, schema.get("$defs", {}), dice), **ours}
            if dice.random() < 0.9:  # else nearly all of them are refused for it
                body["data"].pop("expected_version", None)
        return templates()[name].topic, _written(body, dice)

    def _operator_in_every_text(self) -> Iterator[tuple[str, bytes]]:
        """For ever; all fields of all commands come before any comes again."""
        dice = random.Random(f"operators {self._seed}")
        for name, path in cycle([(name, path) for name, row in templates().items() for path in row.texts]):
            body = self._command(name, dice.randrange(PARTNERSHIPS))
            _put(body, path, dice.choice(OPERATORS))
            yield templates()[name].topic, _written(body, dice)

    def _damaged(self, dice: random.Random) -> tuple[str, bytes]:
        name = dice.choice(list(templates()))
        body = self._command(name, dice.randrange(PARTNERSHIPS))
        topic = templates()[name].topic
        if dice.random() < 0.3:
            return topic, _bytes_damaged(_written(body, dice), dice)
        splice = dice.choice(SPLICES)(dice) if dice.random() < 0.2 else None
        if splice is not None:
            _put(body, dice.choice(templates()[name].texts), MARK)
        for _ in range(dice.randrange(0 if splice else 1, 4)):
            _damage(body, dice)
        value = _written(body, dice)
        return topic, value if splice is None else value.replace(json.dumps(MARK).encode(), splice)


def _renamed(value: Any, names: dict[str, str]) -> Any:
    match value:
        case str():
            return names.get(value, value)
        case dict():
            return {key: _renamed(inner, names) for key, inner in value.items()}
        case list():
            return [_renamed(inner, names) for inner in value]
        case _:
            return value


def _written(body: Any, dice: random.Random) -> bytes:
    return json.dumps(body, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")


def _put(body: dict[str, Any], path: Field, value: Any) -> None:
    """Set a field, and make those above it that are not there."""
    at: Any = body
    for step, below in pairwise(path):
        empty: Any = [None] if below == 0 else {}
        if isinstance(step, int):
            if not isinstance(at[0], type(empty)):
                at[0] = empty
            at = at[0]
        else:
            if not isinstance(at.get(step), type(empty)) or not at[step]:
                at[step] = empty
            at = at[step]
    at[path[-1]] = deepcopy(value)


def _damage(body: Any, dice: random.Random) -> None:
    """One field, anywhere, becomes something else, goes, gets another name, or is joined by another one."""
    places = list(_places(body))
    if not places:
        return
    at, key = dice.choice(places)
    match dice.randrange(5):
        case 0:
            del at[key]
        case 1 if isinstance(at, dict):
            at[dice.choice(KEYS)] = deepcopy(dice.choice(HOSTILE))
        case 2 if isinstance(at, dict):
            at[dice.choice(KEYS)] = at.pop(key)
        case _:
            at[key] = deepcopy(dice.choice(HOSTILE))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield value, key
        yield from _places(below)


def _bytes_damaged(value: bytes, dice: random.Random) -> bytes:
    damaged = bytearray(value)
    for _ in range(dice.randrange(1, 6)):
        place = dice.randrange(len(damaged))
        match dice.randrange(4):
            case 0:
                damaged[place] = dice.randrange(256)
            case 1:
                del damaged[place : place + dice.randrange(1, 20)]
            case 2:
                damaged[place:place] = damaged[: dice.randrange(60)]
            case _:
                damaged[place:place] = dice.randbytes(3)
        if not damaged:
            break
    return bytes(damaged)


def _id_of(value: bytes | None) -> str:
    """The command's id, where it has one to read."""
    try:
        found = json.loads(value or b"")["id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return found if isinstance(found, str) and "\0" not in found and not _has_surrogates(found) else ""


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
