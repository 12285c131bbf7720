"""The commands of `dead-letters`, in the order in which an operator comes to need them."""

import typer

from worker.cli.letters.list import show_list
from worker.cli.letters.show import show

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _dead_letters() -> None:
    """What could not be handled: look at it, replay or correct it, let go what waits behind it."""


for name, command in {
    "list": show_list,
    "show": show,
}.items():
    app.command(name)(command)
