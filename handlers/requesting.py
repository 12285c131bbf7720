"""For which side a termination command is given: by one of its users, or by customer service for it (R82, R93, R94)."""

from typing import TypeGuard

from contracts.commands.termination import OnBehalf, RequestingCommand
from contracts.message import Party, Route
from contracts.rejections import RejectionCode
from contracts.terms import Model, Side, other_side
from handlers.decision import Rejected
from handlers.guards import own_side
from handlers.policy import Policy
from handlers.scene import Scene
from handlers.states import Draft, InNotice, PendingDecision, State

Open = PendingDecision | InNotice


def answers(state: State, side: Side, policy: Policy, model: Model) -> TypeGuard[Open]:
    """Whether one's own request answers the other side's: approves it, or brings its end forward (R80, R113).

    Not once both have agreed on it, unless this side needs nobody's consent: it may end it at any time.
    """
    if not isinstance(state, Open) or state.case.by != other_side(side) or state.case.second is not None:
        return False
    freely = side not in policy.consent_of_other_side[model]
    return freely or isinstance(state, PendingDecision) or not state.case.rules.needs_consent


def side_of(scene: Scene, command: RequestingCommand) -> Side | Rejected:
    """R94: whoever acts for a side has been given its account id and its registered e-mail."""
    if command.actor.kind is not Party.SUPPORT:
        return own_side(command.actor)
    if command.route is Route.SELF_SERVICE:
        return Rejected(RejectionCode.NOT_AUTHORIZED, {"route": "assisted"})
    given = command.on_behalf
    if given is None or not _match(scene, given):
        return Rejected(RejectionCode.ACCOUNT_NOT_MATCHED, {"needed": ["account_id", "registered_email"]})
    return given.side


def _match(scene: Scene, given: OnBehalf) -> bool:
    if given.side == "partner":
        account_id, email = scene.partner.id, scene.partner.contact.contact_email
    elif scene.customer is None:
        return False
    else:
        account_id, email = scene.customer.id, scene.customer.registered_email
    return given.account_id == account_id and _normal(given.registered_email) == _normal(email) != ""


def _normal(email: str) -> str:
    return email.strip().casefold()


def open_draft(scene: Scene, side: Side) -> Draft | Rejected:
    """The side's draft, unless it has lain too long."""
    draft = scene.partnership.drafts.get(side)
    if draft is None or scene.now >= draft.lapses_at:
        return Rejected(RejectionCode.NO_OPEN_REQUEST, {"draft_of": side})
    return draft
