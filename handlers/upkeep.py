"""A partnership that lives: activation, upkeep, suspension, and whose screen its card is on (R31 to R36, R39, R119)."""

from contracts.business import BusinessPeriod
from contracts.commands.binding import (
    AssignContacts,
    ChooseBilling,
    ConfigurePermissions,
    HidePartnership,
    RecordActivation,
    RecordBusinessData,
    ResumePartnership,
    ShowPartnership,
    SuspendPartnership,
)
from contracts.events.binding import ActivationRecorded, PartnershipResumed, PartnershipSuspended
from contracts.events.partnership import Why
from contracts.events.upkeep import (
    BillingChosen,
    BusinessDataRecorded,
    ContactsAssigned,
    PartnershipHidden,
    PartnershipShown,
    PermissionsConfigured,
)
from contracts.rejections import RejectionCode
from contracts.terms import Side
from handlers.decision import Accepted, Decision, Rejected
from handlers.documents import Partnership
from handlers.guards import no_reason, not_allowed, own_side
from handlers.scene import Scene, Standing
from handlers.states import Active, Ending, Purged, Suspended


def living(partnership: Partnership) -> Active | Suspended | Rejected:
    """The living part of a partnership, also while its end is under way; or why there is none."""
    state = partnership.state
    if isinstance(state, Active | Suspended):
        return state
    return state.before if isinstance(state, Ending) else not_allowed(partnership)


def _standing_with(scene: Scene, bond: Active | Suspended) -> Standing:
    """What the partnership will be with this living part; an open case stays what is seen first."""
    if isinstance(scene.partnership.state, Ending):
        return scene.standing
    return {**scene.ids, "status": bond.status, "stage": bond.stage}


def record_activation(scene: Scene, command: RecordActivation) -> Decision:
    """R31: what was failed may still be done."""
    bond = living(scene.partnership)
    if isinstance(bond, Rejected):
        return bond
    if bond.stage == "activation_done":
        return Rejected(
            RejectionCode.NOT_ALLOWED_IN_STATUS, {"status": scene.partnership.state.status, "stage": bond.stage}
        )
    stage = "activation_done" if command.outcome == "done" else "activation_failed"
    standing = _standing_with(scene, bond.but(stage=stage))
    return Accepted((ActivationRecorded(**standing, outcome=command.outcome),))


def configure_permissions(scene: Scene, command: ConfigurePermissions) -> Decision:
    """R33."""
    bond = living(scene.partnership)
    if isinstance(bond, Rejected):
        return bond
    return Accepted((PermissionsConfigured(**scene.standing, permissions=command.permissions),))


def choose_billing(scene: Scene, command: ChooseBilling) -> Decision:
    """R57: also where nobody asks the customer: an end that needs no consent, the platform's, the agreement's."""
    bond = living(scene.partnership)
    if isinstance(bond, Rejected):
        return bond
    return Accepted((BillingChosen(**scene.standing, billing_mode=command.billing_mode),))


def assign_contacts(scene: Scene, command: AssignContacts) -> Decision:
    """R35, R117."""
    bond = living(scene.partnership)
    if isinstance(bond, Rejected):
        return bond
    return Accepted((ContactsAssigned(**scene.standing, private=command.contacts),))


def record_business_data(scene: Scene, command: RecordBusinessData) -> Decision:
    """R34; R118: of a partnership that has ended nothing changes any longer."""
    bond = living(scene.partnership)
    if isinstance(bond, Rejected):
        return bond
    business = BusinessPeriod(
        period=command.period, amount=command.amount, currency=command.currency, orders=command.orders
    )
    return Accepted((BusinessDataRecorded(**scene.standing, period=command.period, private=business),))


def suspend(scene: Scene, command: SuspendPartnership) -> Decision:
    """R39: for a reason, and whatever is under way goes on."""
    bond = living(scene.partnership)
    if isinstance(bond, Rejected):
        return bond
    if isinstance(bond, Suspended):
        return not_allowed(scene.partnership)
    if refusal := no_reason(command.reason):
        return refusal
    suspended = Suspended(**bond.model_dump(exclude={"status"}), reason="")
    event = PartnershipSuspended(**_standing_with(scene, suspended), private=Why(reason=command.reason or ""))
    return Accepted((event,))


def resume(scene: Scene, command: ResumePartnership) -> Decision:
    """It lives again as before."""
    bond = living(scene.partnership)
    if isinstance(bond, Rejected):
        return bond
    if isinstance(bond, Active):
        return not_allowed(scene.partnership)
    active = Active(**bond.model_dump(exclude={"status", "reason"}))
    event = PartnershipResumed(**_standing_with(scene, active), private=Why(reason=command.reason or ""))
    return Accepted((event,))


def hide(scene: Scene, command: HidePartnership) -> Decision:
    """R119: each side for itself, at any time; the partnership does not change by it."""
    side = own_side(command.actor)
    if refusal := _not_on_the_screen(scene, side, hidden=True):
        return refusal
    return Accepted((PartnershipHidden(**scene.standing, side=side),))


def show(scene: Scene, command: ShowPartnership) -> Decision:
    """C5."""
    side = own_side(command.actor)
    if refusal := _not_on_the_screen(scene, side, hidden=False):
        return refusal
    return Accepted((PartnershipShown(**scene.standing, side=side),))


def _not_on_the_screen(scene: Scene, side: Side, *, hidden: bool) -> Rejected | None:
    """Of what was purged there is no card, and what is `hidden` (or not) already cannot become so."""
    if isinstance(scene.partnership.state, Purged):
        return not_allowed(scene.partnership)
    if (side in scene.partnership.hidden_by) is not hidden:
        return None
    status = scene.partnership.state.status
    return Rejected(RejectionCode.NOT_ALLOWED_IN_STATUS, {"status": status, "hidden": hidden})
