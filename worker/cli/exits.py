"""Exit codes, in one place: scripts build on them, so a number never changes its meaning."""

from enum import IntEnum


class Exit(IntEnum):
    """What the process ends with. Their texts are in the help and in docs/operating.md."""

    OK = 0
    DEFECT = 1
    USAGE = 2
    OPERATOR = 3
    FOUND = 4
    UNAVAILABLE = 5
    INTERRUPTED = 130
    PIPE = 141


MEANINGS = {
    Exit.OK: "done, and all is as it should be (journal, dead-letters list and export: something was found)",
    Exit.DEFECT: "a defect of ours (the same again with --traceback shows where)",
    Exit.USAGE: "wrong settings or usage",
    Exit.OPERATOR: "an operator is needed; the last line says for what",
    Exit.FOUND: "it ran, and found something wrong: differences, findings, a refusal (those three: nothing fits)",
    Exit.UNAVAILABLE: "Kafka or MongoDB is away, or no answer came in time: try again",
    Exit.INTERRUPTED: "interrupted",
    Exit.PIPE: "who read the output is gone, as with `| head`",
}
