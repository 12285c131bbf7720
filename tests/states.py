"""Writes docs/states.md: what each command comes to in each situation, as the code decides it."""

from pathlib import Path

from contracts.registry import COMMANDS
from tests.situations import SITUATIONS, command, partner_in
from tests.story import Story, given

FILE = Path("docs/states.md")
NAMES = [kind.__name__ for kind in COMMANDS.values()]
HEAD = """# What is allowed when

Each command in each situation, given by somebody who may give it, with nothing but the situation against it: **ok**, or
the code of the refusal. Written by `python -m tests.states`, which decides each of them; a test says whether it is
current.
A draft leaves the status alone (`active`); it is here because it decides what its side can do next. So does what stands
open beside the status: a change, an export, a dispute, a legal hold, a reactivation.
"""


def outcome_of(name: str, situation: str) -> str:
    story: Story = given(*SITUATIONS[situation]).when(command(name, partner_in(situation)))
    return story.rejection.code if story.rejection else "ok"


def table() -> dict[str, dict[str, str]]:
    return {situation: {name: outcome_of(name, situation) for name in NAMES} for situation in SITUATIONS}


def page() -> str:
    parts = [HEAD]
    for situation, outcomes in table().items():
        accepted = [name for name, code in outcomes.items() if code == "ok"]
        refused: dict[str, list[str]] = {}
        for name, code in outcomes.items():
            if code != "ok":
                refused.setdefault(code, []).append(name)
        parts.append(f"## {situation}\n")
        parts.append("| | commands |\n|---|---|")
        parts.append(f"| **ok** | {', '.join(accepted)} |")
        parts += [f"| {code} | {', '.join(names)} |" for code, names in sorted(refused.items())]
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
