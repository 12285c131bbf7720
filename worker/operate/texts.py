"""What others wrote, in front of people: it steers neither a terminal nor a shell."""

import re
import shlex

STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # escape sequences, and what ends a line
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # what turns the direction of a text, so that it reads otherwise
    "\ud800-\udfff]"  # halves of a character, which nothing can print
)


def visible(text: object, *, lines: bool = False) -> str:
    r"""The text with all that a terminal would obey written as `\u001b`. `lines`: it may have several, and tabs."""
    kept = "\n\t" if lines else ""
    return STEERING.sub(lambda found: found[0] if found[0] in kept else f"\\u{ord(found[0]):04x}", str(text))


def quoted(name: str) -> str:
    """A name as one word of a shell's, whatever is in it."""
    if STEERING.search(name):
        return "$'" + visible(name.replace("\\", "\\\\").replace("'", "\\'")) + "'"
    return shlex.quote(name)


def command(words: str, *names: str) -> str:
    """`partnership-worker WORDS NAMES`, to be copied as it is: no name is taken for an option, or for more."""
    dashes = ["--"] if any(name.startswith("-") for name in names) else []
    return " ".join(("partnership-worker", words, *dashes, *map(quoted, names)))
