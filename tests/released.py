"""What a release reads and says, frozen with `make freeze`, and what has changed since (decision 0016)."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from contracts.base import Contract
from contracts.message import CommandFrame, Event
from contracts.registry import COMMANDS, EVENTS, INTERNAL, ORDERS
from contracts.schemas import schema_of
from contracts.topics import TOPICS
from handlers.documents import Customer, Document, Partner, Partnership
from handlers.evolve import evolve_customer, evolve_partner, evolve_partnership
from handlers.policy import Policy
from tests.tour import TOUR
from worker.mongo.collections import INDEXES
from worker.mongo.format_in_use import FORMAT
from worker.release import UNKNOWN, version

FOLDER = Path(__file__).parent / "contracts" / "released"
NOTED = FOLDER / "since.txt"
HEAD = "# New since {release}. After each line two spaces, a #, and why {release} may meet it.\n"
Json = dict[str, Any]
Fold = Callable[[Any, str, Event, datetime], Document | None]

DOCUMENTS: dict[str, tuple[type[Document], Fold]] = {
    "partner": (Partner, evolve_partner),
    "customer": (Customer, evolve_customer),
    "partnership": (Partnership, evolve_partnership),
}


# --------------------------------------------------------------------------------------------------------- the freezing


def contract() -> Json:
    """What this release reads, what it promises, and what is fixed otherwise."""
    messages: dict[str, type[Contract]] = {**COMMANDS, **INTERNAL, **ORDERS, **EVENTS}
    kinds = messages | {name: kind for name, (kind, _) in DOCUMENTS.items()} | {"CommandFrame": CommandFrame}
    read, definitions = models_json_schema(
        [(kind, "validation") for kind in kinds.values()], by_alias=True, ref_template="{model}"
    )
    return {
        "format": FORMAT,
        "read": {name: read[kind, "validation"]["$ref"] for name, kind in kinds.items()},
        "models": _bare(definitions["$defs"]),
        "promised": {
            name: {part: model["required"] for part, model in _parts(schema_of(kind)) if "required" in model}
            for name, kind in EVENTS.items()
        },
        "policy": Policy().model_dump(mode="json"),
        "topics": sorted(topic.value for topic in TOPICS),
        "indexes": {
            f"{collection}.{index.document['name']}": {
                **index.document,
                "key": [list(pair) for pair in index.document["key"].items()],
            }
            for collection, indexes in INDEXES.items()
            for index in indexes
        },
    }


def _parts(schema: Json) -> Iterator[tuple[str, Json]]:
    yield "", schema
    yield from schema.get("$defs", {}).items()


def _bare(value: Any) -> Any:
    """Without what is for people."""
    if isinstance(value, dict):
        return {
            name: _bare(inner)
            for name, inner in value.items()
            if isinstance(inner, dict) or name not in ("title", "description")
        }
    return [_bare(inner) for inner in value] if isinstance(value, list) else value


def lives() -> Json:
    """What happened on the tour, as a journal has it, and the documents that it led to."""
    told: Json = {}
    for name, story in TOUR.items():
        entries: list[Json] = []
        documents: Json = {}
        for _, result, now in story().world.log:
            for kind in DOCUMENTS:
                document = getattr(result.documents, kind)
                if document is not None:
                    documents[f"{kind} {document.id}"] = document.model_dump(mode="json")
            entries += [
                {
                    "at": now.isoformat(),
                    "subject": stamped.subject,
                    "type": stamped.event.wire_type(),
                    "data": stamped.event.model_dump(mode="json", exclude_none=True),
                    "private": _private(stamped.event),
                    "of": [
                        f"{kind} {document.id}"
                        for kind in DOCUMENTS
                        if (document := getattr(result.documents, kind)) is not None
                    ],
                }
                for stamped in result.events
            ]
        told[name] = {"entries": entries, "documents": documents}
    return told


def _private(event: Event) -> Json | None:
    private = event.__dict__.get("private")
    return private.model_dump(mode="json") if private is not None else None


def folded(life: Json) -> dict[str, Json]:
    """The documents that this release makes of a frozen life, as JSON."""
    documents: dict[str, Any] = {}
    for entry in life["entries"]:
        event = EVENTS[entry["type"]].model_validate({**entry["data"], "private": entry["private"]})
        for name in entry["of"]:
            _, fold = DOCUMENTS[name.split(" ", 1)[0]]
            documents[name] = fold(documents.get(name), entry["subject"], event, datetime.fromisoformat(entry["at"]))
    return {name: document.model_dump(mode="json") for name, document in documents.items()}


# ------------------------------------------------------------------------------------------------------- the comparison

TIGHTER_BELOW = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
INNER = ("items", "additionalProperties", "propertyNames")
TIGHTER_ABOVE = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")


@dataclass
class Changes:
    """`breaks`: what was read or promised before and is not now. `new`: what was not read before, or would be lost."""

    breaks: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


def changes(old: Json, now: Json) -> Changes:
    """What has changed from one contract to the other, a line for each."""
    found = Changes()
    comparison = _Comparison(old["models"], now["models"], found)
    for what, plural in (("read", "message"), ("promised", "event")):
        found.breaks += [f"{name} is gone, a {plural}" for name in old[what].keys() - now[what].keys()]
    found.new += [f"{name} is new" for name in now["read"].keys() - old["read"].keys()]
    for name in sorted(old["read"].keys() & now["read"].keys()):
        comparison.compare({"$ref": old["read"][name]}, {"$ref": now["read"][name]}, name)
    for name in old["promised"].keys() & now["promised"].keys():
        for part in old["promised"][name].keys() & now["promised"][name].keys():
            gone = set(old["promised"][name][part]) - set(now["promised"][name][part])
            where = f"{name} {part}".strip()
            found.breaks += [f"{where}: {missing} is not promised any more" for missing in gone]
    if old["policy"]["version"] == now["policy"]["version"]:
        changed = [key for key, value in old["policy"].items() if now["policy"].get(key, value) != value]
        found.breaks += [f"policy: another default of {key} under the same version" for key in changed]
    found.breaks += [f"policy: {key} is gone" for key in old["policy"].keys() - now["policy"].keys()]
    found.new += [f"policy: {key} is new" for key in now["policy"].keys() - old["policy"].keys()]
    found.breaks += [f"topic {name} is gone" for name in set(old["topics"]) - set(now["topics"])]
    found.new += [f"topic {name} is new" for name in set(now["topics"]) - set(old["topics"])]
    found.breaks += [
        f"index {name} is another one under the same name"
        for name, keys in old["indexes"].items()
        if now["indexes"].get(name, keys) != keys
    ]
    found.breaks.sort()
    found.new.sort()
    return found


class _Comparison:
    """Of two sets of models, from the messages down; each pair of models once, where it is met first."""

    def __init__(self, old: Json, now: Json, found: Changes) -> None:
        self._old, self._now, self._found = old, now, found
        self._seen: set[tuple[str, str]] = set()

    def compare(self, old: Json, now: Json, at: str) -> None:
        self._compare_defaults(old, now, at)
        if "$ref" in old and "$ref" in now:
            pair = old["$ref"], now["$ref"]
            if pair in self._seen:
                return
            self._seen.add(pair)
        old, now = _model(old, self._old), _model(now, self._now)
        if _choices(old) or _choices(now):
            self._compare_choices(old, now, at)
            return
        if old.get("type") != now.get("type"):
            self._found.breaks.append(f"{at}: {old.get('type')} became {now.get('type')}")
            return
        self._compare_values(old, now, at)
        self._compare_bounds(old, now, at)
        self._compare_fields(old, now, at)
        for name in INNER:
            self._compare_inner(old.get(name, True), now.get(name, True), f"{at}[]")
        for before, after in zip(_listed(old), _listed(now), strict=False):
            self.compare(before, after, f"{at}[]")
        if ("prefixItems" in old) != ("prefixItems" in now):
            self._found.breaks.append(f"{at}: one by one, or any number of them")

    def _compare_defaults(self, old: Json, now: Json, at: str) -> None:
        """What is left out would mean something else: in a command, and in what was stored before the field was."""
        if "default" in old and "default" in now and old["default"] != now["default"]:
            self._found.breaks.append(f"{at}: default {old['default']} became {now['default']}")

    def _compare_inner(self, old: Any, now: Any, at: str) -> None:
        if isinstance(old, dict) and isinstance(now, dict):
            self.compare(old, now, at)
        elif old != now:
            (self._found.new if now is True else self._found.breaks).append(f"{at}: {_short(old)} became {_short(now)}")

    def _compare_choices(self, old: Json, now: Json, at: str) -> None:
        before, after = _named(_choices(old) or [old], self._old), _named(_choices(now) or [now], self._now)
        self._found.breaks += [f"{at}: {name} is gone" for name in before.keys() - after.keys()]
        self._found.new += [f"{at}: {name} is new" for name in after.keys() - before.keys()]
        for name in before.keys() & after.keys():
            self.compare(before[name], after[name], at)

    def _compare_values(self, old: Json, now: Json, at: str) -> None:
        before, after = _values(old), _values(now)
        if before is None and after is not None:
            self._found.breaks.append(f"{at}: only {sorted(after)} now")
        elif before is not None and after is None:
            self._found.new.append(f"{at}: any value now")
        elif before is not None and after is not None:
            self._found.breaks += [f"{at}: {value} is gone" for value in before - after]
            self._found.new += [f"{at}: {value} is new" for value in after - before]

    def _compare_bounds(self, old: Json, now: Json, at: str) -> None:
        for name in (*TIGHTER_BELOW, *TIGHTER_ABOVE, "pattern", "format", "multipleOf", "uniqueItems"):
            before, after = old.get(name), now.get(name)
            if before == after:
                continue
            looser = after is None or (
                before is not None
                and ((name in TIGHTER_BELOW and after > before) or (name in TIGHTER_ABOVE and after < before))
            )
            (self._found.new if looser else self._found.breaks).append(f"{at}: {name} {before} became {after}")

    def _compare_fields(self, old: Json, now: Json, at: str) -> None:
        before, after = old.get("properties", {}), now.get("properties", {})
        needed = set(now.get("required", ())) - set(old.get("required", ()))
        optional = (set(old.get("required", ())) - set(now.get("required", ()))) & after.keys()
        self._found.new += [f"{at}.{name} may be left out now" for name in optional]
        self._found.breaks += [f"{at}.{name} is gone" for name in before.keys() - after.keys()]
        self._found.breaks += [f"{at}.{name} is needed now" for name in needed]
        self._found.new += [f"{at}.{name} is new" for name in after.keys() - before.keys() - needed]
        for name in before.keys() & after.keys():
            self.compare(before[name], after[name], f"{at}.{name}")


def _model(schema: Json, models: Json) -> Json:
    return models[schema["$ref"]] if "$ref" in schema else schema


def _choices(schema: Json) -> list[Json]:
    return schema.get("oneOf") or schema.get("anyOf") or []


def _named(choices: list[Json], models: Json) -> dict[str, Json]:
    """By what each choice is known again: the model, or the kind of value; or all of it, where two are of one kind."""
    names = [str(one.get("$ref") or _model(one, models).get("type")) for one in choices]
    return {
        name if names.count(name) == 1 else json.dumps(one, sort_keys=True): one
        for name, one in zip(names, choices, strict=True)
    }


def _listed(schema: Json) -> list[Json]:
    """What stands at each place; and the values of a map, whatever pattern its keys have."""
    return [*schema.get("prefixItems", ()), *schema.get("patternProperties", {}).values()]


def _short(inner: Any) -> str:
    return {True: "anything", False: "nothing"}.get(inner, "some values") if isinstance(inner, bool) else "some values"


def _values(schema: Json) -> set[str] | None:
    if "const" in schema:
        return {str(schema["const"])}
    return set(map(str, schema["enum"])) if "enum" in schema else None


# ------------------------------------------------------------------------------------------------------------ the files


def contract_file(release: str) -> Path:
    """Where a release's contract is."""
    return FOLDER / f"{release}.contract.json"


def lives_file(release: str) -> Path:
    """Where a release's lives are."""
    return FOLDER / f"{release}.lives.json"


def releases() -> list[str]:
    """Those that are frozen, the latest last."""
    found = [path.name.removesuffix(".contract.json") for path in FOLDER.glob("*.contract.json")]
    return sorted(found, key=lambda release: [int(part) for part in release.split(".")])


def noted() -> list[str]:
    """What is new since the latest release, and was found to be read by it, or to have raised FORMAT."""
    lines = NOTED.read_text(encoding="utf-8").splitlines()
    return [line.split("  #")[0] for line in lines if line and not line.startswith("#")]


def main() -> None:
    """Freeze this release. What a release has frozen is never changed again."""
    release = version()
    if release == UNKNOWN:
        raise SystemExit("nobody installed this one, so it has no number: run make setup")
    if contract_file(release).exists():
        raise SystemExit(f"{release} is frozen already: raise the version in pyproject.toml, and run make setup")
    FOLDER.mkdir(exist_ok=True)
    for path, content in ((contract_file(release), contract()), (lives_file(release), lives())):
        path.write_text(json.dumps(content, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")
    NOTED.write_text(
        f"# New since {release}: a line for each, then two spaces, a # and why the release before can read it.\n"
    )


if __name__ == "__main__":
    main()
