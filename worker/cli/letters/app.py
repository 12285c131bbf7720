"""The commands of `dead-letters`, in the order in which an operator comes to need them."""

from collections.abc import Callable

import typer

from worker.cli.letters.edit import edit
from worker.cli.letters.export import export
from worker.cli.letters.importing import import_
from worker.cli.letters.list import show_list
from worker.cli.letters.replay import replay
from worker.cli.letters.settle import discard, release, reopen
from worker.cli.letters.show import show

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _dead_letters() -> None:
    """What could not be handled: look at it, replay or correct it, let go what waits behind it."""


COMMANDS: dict[str, Callable[..., None]] = {
    "list": show_list,
    "show": show,
    "replay": replay,
    "edit": edit,
    "discard": discard,
    "reopen": reopen,
    "release": release,
    "export": export,
    "import": import_,
}

for name, command in COMMANDS.items():
    app.command(name)(command)
