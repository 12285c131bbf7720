"""Writes docs/refusals.md: each code with what to do, and what its details are: `python -m tests.refusals_page`."""

from pathlib import Path

from contracts.rejection_details import DETAILS, MEANINGS
from contracts.rejections import EXPLANATIONS

FILE = Path("docs/refusals.md")
HEAD = """# Refusals

What `CommandRejected` and, for a dry run, `CommandAnswered` say. `code` is for programs, `message` (what, and what to
do) for the person who gave the command, `details` for both. *Again*: whether time or somebody else can make the same
command acceptable (`retryable`); it needs a new `id` then. Which of the details are there depends on the cause, and
none are where the answer would be the other side's business. Other names and other codes may come.

Written by `python -m tests.refusals_page` from `contracts/`; a test says whether it is current.

| code | what | what to do | again | details |
|---|---|---|---|---|
"""
BETWEEN = """
| in details | what |
|---|---|
"""


def page() -> str:
    codes = [
        f"| `{code}` | {text.sentence} | {text.advice} | {'yes' if text.retryable else ''} | "
        f"{', '.join(f'`{name}`' for name in DETAILS[code])} |"
        for code, text in EXPLANATIONS.items()
    ]
    names = [f"| `{name}` | {text} |" for name, text in MEANINGS.items()]
    return HEAD + "\n".join(codes) + "\n" + BETWEEN + "\n".join(names) + "\n"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
