"""The commands of `dead-letters`, in the order in which an operator comes to need them."""

import typer

from worker.cli.lazy import lazy_group

COMMANDS = {
    "list": "worker.cli.letters.list:show_list",
    "show": "worker.cli.letters.show:show",
    "replay": "worker.cli.letters.replay:replay",
    "edit": "worker.cli.letters.edit:edit",
    "discard": "worker.cli.letters.settle:discard",
    "reopen": "worker.cli.letters.settle:reopen",
    "release": "worker.cli.letters.settle:release",
    "export": "worker.cli.letters.export:export",
    "import": "worker.cli.letters.importing:import_",
}

app = typer.Typer(cls=lazy_group(COMMANDS), add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _dead_letters() -> None:
    """What could not be handled: look at it, replay or correct it, let go what waits behind it."""
