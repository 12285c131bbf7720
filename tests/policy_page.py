"""Writes docs/policy.md: each field of the policy with its default and what it means, as the model says it."""

import ast
import inspect
import json
from pathlib import Path

from contracts.agreement import Overrides
from handlers.policy import Policy

FILE = Path("docs/policy.md")
HEAD = """# Policy

What the rules leave open, or the source documents say in two ways (C1 to C12), is data.
`PARTNERSHIP_POLICY_FILE` names a JSON file, for example

```json
{"version": "2026-07", "notice_days": 14, "consent_of_other_side": {"referral": ["customer"]}}
```

- `version` must be there, and neither be `"1"` nor begin with `defaults`, which are the defaults' own; else the start
  ends with exit code 2.
- Any other field that is not named keeps its default; of a map (`{...}`) each key that is not named keeps its default.
- The file is read and checked at the start; a field that does not exist, or a value that cannot be, ends the start with
  exit code 2 and a line that says which. Change it by a rolling restart, with a new `version`.
- An offer and a termination keep the version and the values that they began with; a new policy decides
  what begins later.
- A partner's agreement (`UpdateAgreement.overrides`) goes before the file in the fields marked with \u2713.

Written by `python -m tests.policy_page` from `handlers/policy.py`; a test says whether it is current.

| field | default | agreement | what |
|---|---|---|---|
"""


def meanings() -> dict[str, str]:
    """The text that follows each field."""
    (body,) = ast.parse(inspect.getsource(Policy)).body
    assert isinstance(body, ast.ClassDef)
    texts = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(after, ast.Expr):
            texts[field.target.id] = ast.literal_eval(after.value)
    return texts


def page() -> str:
    texts = meanings()
    lines = []
    for name, default in Policy().model_dump(mode="json").items():
        overridden = "\u2713" if name in Overrides.model_fields else ""
        lines.append(f"| `{name}` | `{json.dumps(default)}` | {overridden} | {' '.join(texts[name].split())} |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
