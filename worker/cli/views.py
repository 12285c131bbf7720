"""`show`, `list`, `history`, `explain`: what the platform, a partner or a customer sees of partnerships."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

import typer

from contracts.terms import Status
from handlers.views import Dashboard, HistoryEntry, PartnershipView
from handlers.waiting import WaitingOn
from worker.cli.operation import NUMBER_MAX, AsJson, operate
from worker.cli.screen import out, print_json, rows, safe, span, table, when
from worker.cli.words import short_type
from worker.clock import utc_now
from worker.operate.access import Access
from worker.operate.explain import Because
from worker.operate.explain import explain as find_reasons
from worker.operate.texts import quoted
from worker.operate.views import Desk, read_viewer

T = TypeVar("T")
Partnership = Annotated[str, typer.Argument(help="The partnership's id.")]
For = Annotated[str, typer.Option("--for", metavar="WHO", help="Who looks: platform, partner:ID or customer:ID.")]

BARS = "▁▂▃▄▅▆▇█"
STATUS_STYLES = {
    "active": "good",
    "suspended": "warn",
    "ending": "warn",
    "switching": "warn",
    "invited": "cyan",
}


def show(
    partnership: Partnership,
    *,
    viewer: For = "platform",
    bodies: Annotated[
        bool, typer.Option("--bodies", help="With what the two sides wrote, which may be personal; for one of them.")
    ] = False,
    json: AsJson = False,
) -> None:
    """A partnership as this viewer sees it: status, contacts, business, what it waits for, what can be done."""
    card = _at_desk(viewer, lambda _, desk: desk.show(partnership))
    if json:
        print_json(_told(card, bodies=bodies))
    else:
        _show(card, bodies=bodies)


def cards(
    *,
    viewer: For = "platform",
    status: Annotated[str | None, typer.Option(help="Only with this status, e.g. ending.")] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="Also what the viewer has hidden.")] = False,
    after: Annotated[str, typer.Option(help="Go on behind this id.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 20,
    json: AsJson = False,
) -> None:
    """The viewer's partnerships by id, and how many offers wait for its answer."""
    wanted = _status(status)
    found = _at_desk(viewer, lambda _, desk: desk.cards(status=wanted, hidden=hidden, after=after, limit=limit))
    if json:
        counters = {"open_offers": found.open_offers, "hidden": found.hidden}
        print_json(*map(_told, found.cards), {"summary": counters})
    else:
        _list(found, limit)


def history(
    partnership: Partnership,
    *,
    viewer: For = "platform",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=NUMBER_MAX, help="The newest so many.")] = 50,
    json: AsJson = False,
) -> None:
    """What happened to a partnership, the oldest first: its operation log as this viewer sees it."""

    async def work(_: Access, desk: Desk) -> list[HistoryEntry]:
        newest: list[HistoryEntry] = []
        async for line in desk.history(partnership):
            newest = [*newest[1 - limit :], line] if limit > 1 else [line]
        return newest

    found = _at_desk(viewer, work)
    if json:
        print_json(*(line.model_dump(mode="json") for line in found))
        return
    for line in found:
        then = f"→ {_then(line.status, line.stage)}" if line.status else ""
        text = f"[faint]{line.at:%m-%d %H:%M:%S}[/] {line.what} [faint]by {_by(line)}[/] {then}"
        out.print(text, no_wrap=True, overflow="ellipsis")


def explain(partnership: Partnership, *, viewer: For = "platform", json: AsJson = False) -> None:
    """Why a partnership waits: whose turn it is, until when, what happens then, and what stands in its way."""
    because = _at_desk(viewer, lambda access, desk: find_reasons(access, desk, partnership))
    if json:
        print_json(
            {
                **{name: getattr(because, name) for name in because.__slots__},
                "card": _told(because.card),
            }
        )
    else:
        _explain(because)


WRITTEN: dict[str, Any] = {
    "offer": True,
    "modification": {"changes"},
    "cases": {"__all__": {"reason", "migration_plan", "alternative_service"}},
}
"""Of a card, what people wrote."""


def _told(card: PartnershipView, *, bodies: bool = False) -> dict[str, Any]:
    return card.model_dump(mode="json", exclude=None if bodies else WRITTEN)


def _at_desk(viewer: str, work: Callable[[Access, Desk], Awaitable[T]]) -> T:
    async def with_access(access: Access) -> T:
        return await work(access, Desk(access, read_viewer(viewer)))

    return operate(with_access)


def _status(text: str | None) -> Status | None:
    known: tuple[Status, ...] = Status.__args__  # type: ignore[attr-defined]
    found = next((status for status in known if status == text), None)
    if text is not None and found is None:
        raise typer.BadParameter(f"there is no status {text}; there are {', '.join(known)}", param_hint="--status")
    return found


# -------------------------------------------------------------------------------------------------------- the screens


def _show(card: PartnershipView, *, bodies: bool) -> None:
    _head(card)
    facts = table("", "")
    facts.show_header = False
    offer = f", offer {card.offer_status}" if card.offer_status else ""
    team = ", ".join(card.contacts.management_team)
    support = " ".join(filter(None, (card.contacts.support_contact, card.contacts.support_level)))
    lines = {
        "partner": f"{card.partner_name} ({card.partner_id})",
        "customer": f"{card.company_name} ({card.customer_id or 'not known yet'})",
        "kind": f"{card.model}, {card.purpose.replace('_', ' ')}{offer}",
        "contact": card.contacts.assigned_contact,
        "team": team,
        "support": support,
        "permissions": ", ".join(card.permissions),
        "business": _business(card),
        "change": f"proposed by the {card.modification.by}" if card.modification else "",
        "draft": (card.draft or "").replace("_", " "),
        "request": "; ".join(f"by the {case.by}, {case.category}, ends {when(case.ends_at)}" for case in card.cases),
        "blocked by": ", ".join(card.blocked_by),
        "final bill": _bill(card),
        "can do": ", ".join(card.case_actions),
    }
    if bodies:
        lines |= _written(card)
    out.print(rows(facts, ((name, safe(text)) for name, text in lines.items() if text)))
    _waiting(card.waiting_on, utc_now())


def _written(card: PartnershipView) -> dict[str, str]:
    parts: list[tuple[str, dict[str, Any]]] = [("offer", card.offer.model_dump() if card.offer else {})]
    if card.modification:
        parts.append(("change", card.modification.changes.given))
    parts += [(f"{case.by}'s", case.model_dump(include=WRITTEN["cases"]["__all__"])) for case in card.cases]
    return {f"{whose} {name.replace('_', ' ')}": text for whose, part in parts for name, text in part.items()}


def _head(card: PartnershipView) -> None:
    marks = [mark for mark, is_so in (("hidden", card.hidden), ("read only", card.read_only)) if is_so]
    stage = f" · {card.stage.replace('_', ' ')}" if card.stage else ""
    more = f" [faint]{' · '.join([f'version {card.version}', *marks])}[/]"
    out.print(f"[name]{safe(card.id)}[/]  [{_style(card)}]{card.label}{stage}[/] {more}")


def _style(card: PartnershipView) -> str:
    return STATUS_STYLES.get(card.status, "faint")


def _waiting(lines: tuple[WaitingOn, ...], now: datetime) -> None:
    if not lines:
        out.print("waits for nothing", style="faint")
        return
    made = table("waits for", "until (UTC)", ">in", "then")
    out.print(
        rows(
            made,
            ((_whom(line.who), when(line.until), _in(line.until, now), line.then) for line in lines),
        )
    )


def _whom(who: str) -> str:
    return "[faint]time[/]" if who == "nobody" else who


def _in(until: datetime | None, now: datetime) -> str:
    if until is None:
        return ""
    seconds = (until - now).total_seconds()
    return span(seconds) if seconds >= 0 else f"[bad]{span(-seconds)} ago[/]"


def _business(card: PartnershipView) -> str:
    """`▁▃█ 2026-01 to 2026-03, last 1,200.00 EUR, 3 orders`; amounts of one currency can be compared."""
    if not card.business:
        return ""
    first, last = card.business[0], card.business[-1]
    amounts = [known.amount for known in card.business if known.currency == last.currency]
    bars = sparkline(amounts)
    return f"{bars} {first.period} to {last.period}, last {_money(last.amount, last.currency)}, {last.orders} orders"


def sparkline(amounts: list[int]) -> str:
    """A bar for each amount, from the lowest (or nothing) to the highest."""
    low, high = min([0, *amounts]), max([0, *amounts])
    steps = len(BARS) - 1
    return "".join(BARS[round((amount - low) * steps / (high - low)) if high > low else 0] for amount in amounts)


def _bill(card: PartnershipView) -> str:
    bill = card.bill
    if bill is None or bill.state == "requested":
        return bill.state if bill else ""
    return f"{_money(bill.amount, bill.currency)}, {bill.state}"


def _money(amount: int, currency: str) -> str:
    return f"{amount:,} {currency} (smallest unit)"


def _list(found: Dashboard, limit: int) -> None:
    made = table("partnership", "status", "~company", "partner", "waits for", ">in")
    now = utc_now()
    for card in found.cards:
        first = next(iter(card.waiting_on), None)
        made.add_row(
            f"[name]{safe(card.id)}[/]",
            f"[{_style(card)}]{card.label}[/]",
            safe(card.company_name),
            safe(card.partner_id),
            _whom(first.who) if first else "",
            _in(first.until, now) if first else "",
        )
    out.print(made)
    hidden = f", {found.hidden} hidden" if found.hidden else ""
    out.print(f"Open offers that wait for an answer: {found.open_offers}{hidden}.", style="faint")
    if len(found.cards) == limit:
        out.print(f"There may be more: --after={safe(quoted(found.cards[-1].id))}", style="faint")


def _by(line: HistoryEntry) -> str:
    return safe(f"{line.by} {line.user_id}" if line.user_id and line.user_id != "partnership-worker" else line.by)


def _then(status: str | None, stage: str | None) -> str:
    return f"{status}{f', {stage}' if stage else ''}".replace("_", " ") if status else ""


def _explain(because: Because) -> None:
    _head(because.card)
    _waiting(because.card.waiting_on, because.now)
    if because.obstacles:
        out.print("\n[bold]In its way[/]")
        for obstacle in because.obstacles:
            out.print(f"[warn]•[/] {safe(obstacle.text)}")
            out.print(f"  [faint]→ {safe(obstacle.do)}[/]", soft_wrap=True)
    else:
        out.print("\nNothing stands in its way.", style="good")
    last: dict[str, Any] = because.last or {}
    if last:
        code = f" ({last['code']})" if last["code"] else ""
        said = f"last command: {short_type(last['type'])} at {when(last['at'])}, {last['outcome']}{code}"
        out.print(f"\n[faint]{safe(said)}[/]")
    behind = "its lane log cannot be asked" if because.undecided is None else f"some {because.undecided} to decide"
    out.print(f"[faint]lane {because.lane}: {behind}, {because.unpublished} to be seen on the topics[/]")
