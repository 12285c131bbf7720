"""Commands, events and outcomes in the words and colours of the screen."""

from typing import Any

import typer

from contracts.registry import COMMANDS, EVENTS
from contracts.topics import TopicName
from worker.cli.screen import safe

OUTCOME_STYLES = {"accepted": "good", "answered": "cyan", "refused": "warn", "dead_letter": "bad"}
TOPIC_STYLES = {
    "lifecycle.events": "green",
    "quota.events": "blue",
    "billing.events": "magenta",
    "notice.events": "cyan",
    "rejections": "yellow",
    "dead-letters": "bold red",
}


def short_type(wire_type: str | None) -> str:
    """`InviteCustomer` of `partnerships.InviteCustomer.v1`; what is not of that form as it is."""
    parts = (wire_type or "?").split(".")
    return parts[1] if len(parts) == 3 else wire_type or "?"  # noqa: PLR2004 - prefix, name, version


def short_topic(topic: str) -> str:
    """`quota` of `partnership.quota.events`."""
    return topic.removeprefix("partnership.").removesuffix(".events")


def read_topics(names: list[str] | None, topics: tuple[TopicName, ...]) -> tuple[TopicName, ...]:
    """Some of these by their whole or short names (`quota`), all where none is named. Raises typer.BadParameter."""
    known = {name: topic for topic in topics for name in (topic.value, short_topic(topic))}
    for name in names or ():
        if name not in known:
            msg = f"there is no topic {name}; there are {', '.join(map(short_topic, topics))}"
            raise typer.BadParameter(msg, param_hint="--topic")
    return tuple(dict.fromkeys(known[name] for name in names)) if names else topics


def styled_topic(topic: str) -> str:
    """A topic's short name in its colour, as wide as most."""
    style = TOPIC_STYLES.get(topic.removeprefix("partnership."), "faint")
    return f"[{style}]{short_topic(topic):<10}[/]"


def styled_outcome(outcome: str) -> str:
    """An outcome in its colour, as wide as most."""
    return f"[{OUTCOME_STYLES.get(outcome, 'faint')}]{outcome.replace('_letter', ''):<8}[/]"


def who(actor: dict[str, Any] | None) -> str:
    """`paula of partner-1`."""
    if not actor:
        return ""
    user, party = actor.get("user_id"), actor.get("party_id")
    return safe(f"{user} of {party}" if user != party else f"{user}")


def complete_command(incomplete: str) -> list[str]:
    """For the shell: the commands that begin so."""
    return [name for name in map(short_type, COMMANDS) if name.lower().startswith(incomplete.lower())]


def complete_event(incomplete: str) -> list[str]:
    """For the shell: the events that begin so."""
    return [name for name in map(short_type, EVENTS) if name.lower().startswith(incomplete.lower())]
