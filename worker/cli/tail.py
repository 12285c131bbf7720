"""`tail`: follows events."""

from contextlib import aclosing
from dataclasses import replace
from typing import Annotated

import orjson
import typer

from worker.cli.operation import AsJson, operate
from worker.cli.screen import out, print_json, safe
from worker.cli.words import complete_event, read_topics, short_type, styled_topic
from worker.operate.access import Access
from worker.operate.tail import EVENT_TOPICS, EventFilter, Seen, tail_events, told

app = typer.Typer(add_completion=False)


@app.command()
def tail(
    *,
    topic: Annotated[list[str] | None, typer.Option(help="Only this topic (quota, notice, ...); can repeat.")] = None,
    partnership: Annotated[str | None, typer.Option(help="Only of this partnership (the event's subject).")] = None,
    partner: Annotated[str | None, typer.Option(help="Only of this partner.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Only this event.", autocompletion=complete_event)] = None,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="All that the topics still have.")] = False,
    to_end: Annotated[bool, typer.Option("--to-end", help="Stop where the topics end now.")] = False,
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="Stop after so many.")] = None,
    bodies: Annotated[
        bool, typer.Option("--bodies", help="With addresses, parameters and details, which may be personal data.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Follow events over all event topics, as a consumer sees them, until Ctrl-C. Tokens are never shown."""
    wanted = EventFilter(partnership, partner, kind)
    topics = read_topics(topic, EVENT_TOPICS)

    async def work(access: Access) -> None:
        number = 0
        events = tail_events(access, wanted, topics, from_beginning=from_beginning, to_end=to_end)
        async with aclosing(events):
            async for event in events:
                seen = replace(event, event=told(event.event, bodies=bodies))
                if json:
                    print_json(seen)
                else:
                    _show(seen)
                number += 1
                if number == count:
                    return

    operate(work)


def _show(seen: Seen) -> None:
    data = {name: value for name, value in seen.data.items() if name not in {"sequence", "actor"}}
    number = f"#{seen.data['sequence']}" if seen.data.get("sequence") else ""
    out.print(
        f"[faint]{seen.appended_at:%H:%M:%S}[/] {styled_topic(seen.topic)} {safe(short_type(seen.event.get('type')))}"
        f" [name]{safe(seen.event.get('subject'))}[/] {number} [faint]{safe(orjson.dumps(data).decode())}[/]",
        no_wrap=True,
        overflow="ellipsis",
    )
