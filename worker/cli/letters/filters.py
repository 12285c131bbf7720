"""The filters that all commands about several dead letters share."""

import functools
import inspect
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, get_type_hints

import typer

from worker.cli.times import HELP, read_time
from worker.cli.words import complete_command
from worker.dead_letters import DISCARDED, OPEN, PARKED, RESOLVED
from worker.operate.letters.find import Filter


class State(StrEnum):
    """States of a letter, and all of them."""

    OPEN = OPEN
    PARKED = PARKED
    RESOLVED = RESOLVED
    DISCARDED = DISCARDED
    ANY = "any"


WHICH: Any = {"rich_help_panel": "Which letters"}

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="These, in any state; of letters or commands.")]
Reason = Annotated[str | None, typer.Option(help="Dead for this reason, e.g. INVALID_DATA.", **WHICH)]
Kind = Annotated[
    str | None,
    typer.Option("--type", help="Of this command, e.g. InviteCustomer.", autocompletion=complete_command, **WHICH),
]
Fingerprint = Annotated[str | None, typer.Option(help="Failed alike: `list` shows it for each group.", **WHICH)]
Partner = Annotated[str | None, typer.Option(help="Of this partner.", **WHICH)]
Customer = Annotated[str | None, typer.Option(help="Of this customer and its partnerships.", **WHICH)]
Partnership = Annotated[str | None, typer.Option(help="Of this partnership (the command's subject).", **WHICH)]
Topic = Annotated[str | None, typer.Option(help="From this topic, e.g. invitation.", **WHICH)]
States = Annotated[list[State] | None, typer.Option(metavar="STATE", help=f"{', '.join(State)}; can repeat.", **WHICH)]
Since = Annotated[str | None, typer.Option(help=f"Dead letters since {HELP}.", **WHICH)]
Until = Annotated[str | None, typer.Option(help="Dead letters before such a time.", **WHICH)]


def _filter(
    ids: Ids = None,
    *,
    reason: Reason = None,
    kind: Kind = None,
    fingerprint: Fingerprint = None,
    partner: Partner = None,
    customer: Customer = None,
    partnership: Partnership = None,
    topic: Topic = None,
    state: States = None,
    since: Since = None,
    until: Until = None,
) -> Filter:
    states = tuple(each.value for each in state or ())
    return Filter(
        ids=tuple(ids or ()),
        reason=reason,
        type=kind,
        fingerprint=fingerprint,
        partner=partner,
        customer=customer,
        partnership=partnership,
        topic=topic,
        states=() if State.ANY in states else states,
        since=read_time(since),
        until=read_time(until),
    )


def filtered(*states: State) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command all filter options in place of its parameter `wanted: Filter`.

    Without --state and ids it is about letters in these states; without any here, in every state.
    """
    usual = [state for state in states if state is not State.ANY]

    def give(command: Callable[..., None]) -> Callable[..., None]:
        options = inspect.signature(_filter).parameters
        own = {name: each for name, each in inspect.signature(command).parameters.items() if name != "wanted"}

        @functools.wraps(command)
        def with_filter(**given: Any) -> None:
            chosen = {name: given.pop(name) for name in options}
            if chosen["state"] is None and not chosen["ids"]:
                chosen["state"] = usual
            ids = chosen.pop("ids")
            command(wanted=_filter(ids, **chosen), **given)

        hints = {**get_type_hints(_filter, include_extras=True), **get_type_hints(command, include_extras=True)}
        del hints["wanted"]
        # What typer makes options of.
        with_filter.__signature__ = inspect.Signature([*options.values(), *own.values()])  # type: ignore[attr-defined]
        with_filter.__annotations__ = hints
        return with_filter

    return give
