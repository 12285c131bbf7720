"""A release that knows less: `python -m tests.support.older_release <command> <partnership>`.

It cannot read this command, and its handlers fail on this partnership. The break is patched in from outside.
"""

import sys
from functools import partial

import worker.app
import worker.decode
from contracts.registry import COMMANDS
from tests.support.broken_handlers import raise_for
from worker.__main__ import main as worker_main
from worker.batch import Rules


def know_less(unknown: str, partnership: str = "nobody") -> None:
    """From here on this process cannot read this command, and fails on this partnership."""
    known = {wire_type: kind for wire_type, kind in COMMANDS.items() if kind.__name__ != unknown}
    setattr(worker.decode, "COMMANDS", known)  # noqa: B010 - a patch
    setattr(worker.app, "Rules", partial(Rules, decide=raise_for(partnership)))  # noqa: B010 - a patch


if __name__ == "__main__":
    know_less(*sys.argv[1:])
    sys.argv = ["worker", "run"]
    worker_main()
