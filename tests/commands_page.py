"""Writes docs/commands.md: each command, its topic, and who may give it: `python -m tests.commands_page`."""

import inspect
from pathlib import Path

from contracts.message import Command, Party, Role
from contracts.registry import COMMANDS
from handlers.admission import RULES
from handlers.policy import Policy

FILE = Path("docs/commands.md")
SIDES = (Party.PARTNER, Party.CUSTOMER)
HEAD = """# Commands

Which there are, on which topic, and who may give them: `actor.kind`, and for a partner's and a customer's users
`actor.role`, as the policy's defaults have it ([policy.md](policy.md): `roles_that_may_invite`, `roles_that_may_end`).
Another one is refused with `NOT_AUTHORIZED`. In which status a command may be given is in [states.md](states.md).

Written by `python -m tests.commands_page` from `contracts/` and `handlers/admission.py`; a test says whether it is
current.

| command | what | who |
|---|---|---|
"""


def page() -> str:
    rows = {kind: f"| `{kind.__name__}` | {_what(kind)} | {_who(kind)} |" for kind in COMMANDS.values()}
    parts = []
    for topic in dict.fromkeys(kind.TOPIC for kind in rows):
        parts += [f"| **{topic.value}** | | |", *(row for kind, row in rows.items() if kind.TOPIC is topic)]
    return HEAD + "\n".join(parts) + "\n"


def _what(kind: type[Command]) -> str:
    return (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")


def _who(kind: type[Command]) -> str:
    rule = RULES[kind]
    return "; ".join(
        f"{party.value}{_roles(rule.roles_of(party, Policy())) if party in SIDES else ''}"
        for party in Party
        if party in rule.parties
    )


def _roles(roles: tuple[Role, ...]) -> str:
    return "" if set(roles) == set(Role) else f" ({', '.join(roles)})"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
