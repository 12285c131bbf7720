"""Groups of commands by a table. A command's module is imported when it is asked for, and no other's."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typing_extensions import override


def lazy_group(commands: Mapping[str, str]) -> type[TyperGroup]:
    """A group of these: name → `module`, which has a `typer.Typer` named `app`, or name → `module:function`."""

    class Lazy(TyperGroup):
        @override
        def list_commands(self, ctx: Any) -> list[str]:
            return list(commands)

        @override
        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            return command_of(cmd_name, commands[cmd_name]) if cmd_name in commands else None

    return Lazy


def command_of(name: str, place: str) -> Any:
    """A command of a table, imported now."""
    module, _, function = place.partition(":")
    found = import_module(module)
    if function:
        single = typer.Typer(add_completion=False)
        single.command()(getattr(found, function))
    command = typer.main.get_command(single if function else found.app)
    command.name = name
    return command
