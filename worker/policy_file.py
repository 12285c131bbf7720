"""The policy from a file (C1 to C12): JSON, read once at the start. docs/policy.md has all fields and their defaults.

What has begun keeps the values that it began with, so another file decides only what begins after the restart.
"""

import difflib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from handlers.policy import Policy
from worker.settings import SettingsError

SETTING = "PARTNERSHIP_POLICY_FILE"
OF_DEFAULTS = "defaults"
"""How the version of other defaults in a later release begins, so that it is nobody's already (decision 0016)."""


def load_policy(path: Path | None) -> Policy:
    """The policy of this file; without one the defaults, which are version 1.

    A field that is not named keeps its default, and so does a key of a map that is not named.

    Raises:
        SettingsError: with one line for each thing that is wrong, and what to do.
    """
    if path is None:
        return Policy()
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{SETTING}: {path} cannot be read ({type(error).__name__})") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SettingsError(f"{SETTING}: {path} is not JSON: {error.msg} at {where}") from None
    if not isinstance(given, dict):
        raise SettingsError(f'{SETTING}: {path} must hold one JSON object, like {{"version": "2", "notice_days": 14}}')
    lines = [*_unknown(given, Policy().model_dump(mode="json")), *_version(given)]
    try:
        policy = Policy.model_validate(_over(Policy().model_dump(mode="json"), given))
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        lines += [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in problems]
    if lines:
        raise SettingsError("\n".join(f"{SETTING}: {path}: {line}" for line in lines))
    return policy


def _unknown(given: dict[str, Any], known: dict[str, Any]) -> list[str]:
    """Left alone, a misspelled field would be a default that nobody chose."""
    lines = []
    for name in given.keys() - known.keys():
        like = difflib.get_close_matches(name, known, n=1)
        lines.append(f"{name}: there is no such field" + (f"; did you mean {like[0]}?" if like else ""))
    return sorted(lines)


def _version(given: dict[str, Any]) -> list[str]:
    """Cases and offers keep the version that they began with: two policies of one name could not be told apart."""
    version = given.get("version")
    if version is None:
        return ["version: is missing; give this policy a name of its own, and another one with each change"]
    if version == Policy().version or str(version).startswith(OF_DEFAULTS):
        return [f"version: {version} is the defaults' own; choose another one"]
    return []


def _over(known: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """What is given, over what is known; maps key by key."""
    both = {name: (known[name], value) for name, value in given.items() if isinstance(known.get(name), dict)}
    merged = {name: _over(old, new) for name, (old, new) in both.items() if isinstance(new, dict)}
    return {**known, **given, **merged}
