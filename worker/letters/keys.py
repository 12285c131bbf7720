"""Who waits for whom: a dead letter blocks one partnership, or a partner with all of its partnerships (P6)."""

from contracts.registry import ORDERS
from worker.decode import Item, Readable, is_order
from worker.partitioning import lane_of
from worker.records import OF_ORDER


def key_of(subject: str | None, partner: str) -> str:
    """What a letter of this subject and partner blocks: the field `blocks`.

    A partnership with its partner, whatever else a record says: one that names another partner's could not have changed
    it, and may be in another lane. Ids hold no control characters, so the tab is unambiguous.
    """
    return f"partner:{partner}" if subject is None or subject == partner else f"subject:{subject}\t{partner}"


def keys_of(subject: str, partner: str) -> tuple[str, ...]:
    """What a command of this subject and partner waits for: its own partnership, and its partner."""
    partners = key_of(None, partner)
    return (partners,) if subject == partner else (key_of(subject, partner), partners)


def waits_for(item: Item) -> tuple[str, ...]:
    """The same for a record of the lane. Nothing for what must not wait: a dry run changes nothing."""
    decoded = item.decoded
    if not isinstance(decoded, Readable) or decoded.message.data.dry_run or is_order(item):
        return ()
    return keys_of(decoded.message.subject, decoded.message.partner_id)


def blocked_by(item: Item, lane: int, lanes: int, *, all_of_partner: bool = False) -> str | None:
    """What a letter of this record blocks; None where that would be nobody of this lane.

    `all_of_partner`: the whole partner, whatever its record is about (Fault.is_partners). A record without a partner to
    read is in this lane by chance. A dry run and an order about letters would not have changed the partnership.
    """
    decoded = item.decoded
    if isinstance(decoded, Readable):
        message = decoded.message
        if message.data.dry_run or is_order(item):
            return None
        subject, partner = message.subject, message.partner_id
    elif decoded.partner_id is None or decoded.dry_run or decoded.command_type in ORDERS or decoded.is_own(OF_ORDER):
        return None
    else:
        subject, partner = decoded.subject, decoded.partner_id  # type: ignore[assignment] # without one: the partner's
    return key_of(None if all_of_partner else subject, partner) if lane_of(partner, lanes) == lane else None
