"""What the rules leave open, with defaults (conflicts C1 to C12). A value here is never an `if` elsewhere."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from contracts.agreement import REMINDERS_MAX, CaseRules, Characters, Days, OfferRules, Overrides, Sides
from contracts.base import Contract, ShortText
from contracts.blocks import BlockItem
from contracts.message import Role
from contracts.terms import Category, Initiator, Model, Refund, Side, other_side
from contracts.warnings import WARNING_VERSION

Hours = Annotated[int, Field(ge=0, le=8784)]
Minutes = Annotated[int, Field(ge=0, le=10080)]

CATEGORIES: dict[Initiator, tuple[Category, ...]] = {
    "customer": ("customer_request", "agreement_early_termination", "direct_billing"),
    "partner": ("partner_business_adjustment", "agreement_early_termination"),
    "platform": ("account_violation", "policy_violation"),
}
CONSENT: dict[Model, tuple[Side, ...]] = {"reseller": ("customer", "partner"), "referral": ()}
CODES: dict[Model, tuple[Side, ...]] = {"reseller": ("customer",), "referral": ()}
SECOND_CHANNELS: dict[str, str] = {"platform_email": "console_message"}
SILENCE: dict[Side, Literal["approves", "escalates"]] = {"partner": "approves", "customer": "escalates"}
PLANS: tuple[BlockItem, ...] = ("MIGRATION_PLAN_MISSING", "ALTERNATIVE_SERVICE_MISSING")
CHECKS: dict[Model, dict[Side, tuple[BlockItem, ...]]] = {
    "reseller": {
        "customer": (
            "ORDERS_AWAITING_PARTNER_PAYMENT",
            "INDEPENDENT_MEMBERS_ATTACHED",
            "ACCOUNT_IN_ARREARS",
            "RESERVED_INSTANCES_ACTIVE",
            "PARTNER_SUPPORT_PLAN_ACTIVE",
            "CURRENCY_NOT_SET",
            "SPECIAL_COMMERCE_CONTRACT",
            "SETTLEMENTS_OUTSTANDING",
            "ACCOUNT_FROZEN",
        ),
        "partner": (
            "SETTLEMENTS_OUTSTANDING",
            "INDEPENDENT_MEMBERS_ATTACHED",
            "RESERVED_INSTANCES_ACTIVE",
            "PARTNER_SUPPORT_PLAN_ACTIVE",
            "ACCOUNT_FROZEN",
        ),
    },
    "referral": {
        "customer": ("ORDERS_AWAITING_PARTNER_PAYMENT", "SETTLEMENTS_OUTSTANDING"),
        "partner": ("SETTLEMENTS_OUTSTANDING",),
    },
}


def _descending(days: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(days), reverse=True))


class Policy(Contract):
    """One version of the policy. What has begun keeps the values that it began with (contracts/agreement.py)."""

    version: ShortText = "1"
    """Which policy this is; offers and cases keep it. With each change another one."""

    # The offer -------------------------------------------------------------------------------------------------------
    who_may_offer: Sides = ("partner",)
    """C12: which sides may offer a partnership."""
    roles_that_may_invite: tuple[Role, ...] = (Role.ADMIN, Role.OPERATOR)
    """R2: of the partner's users."""
    official_channels: tuple[ShortText, ...] = ("platform_email", "console_message", "sms", "console_link")
    """R19: by which ways an invitation may go out."""
    second_channels: dict[ShortText, ShortText] = SECOND_CHANNELS
    """By which way a notice goes that did not arrive. Where that does not reach its party, by another one that does."""
    standards_version: ShortText = "1"
    """R8: of the invitation standards that a partner confirms."""
    consent_version: ShortText = "1"
    """R26: the terms that a customer consents to when it accepts."""
    invitation_days: Days = 30
    """How long an invitation can be accepted."""
    reminder_days: Annotated[tuple[Days, ...], Field(max_length=REMINDERS_MAX), AfterValidator(_descending)] = (7, 1)
    """So many days before an invitation expires."""
    resends_max: Days = 3
    """How often it may be sent again."""
    reserve_on_invite: bool = True
    """Whether an open invitation takes a place of the partner's quota."""
    offer_purge_days: Days = 90
    """So long after it came to nothing what is personal in an offer is kept."""
    identity_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    """R21: after so many failures the invitation expires."""
    bound_customers_may_be_invited: bool = True
    """C1: another partner's customer may be invited, and switches if it accepts."""
    own_customers_may_be_invited: bool = False
    """C1: to renew what is there."""
    switch_blocks_run: bool = True
    """C3: whether a switch has to pass the old side's checks."""
    switch_waives_consent_and_notice: bool = True
    """C3; else a customer has to end its partnership before it can accept another one."""
    switch_counts: bool = True
    """C3: whether it counts as a termination request (R62)."""
    switch_minutes: Minutes = 60
    """After this a switch that is still under way is told to the platform."""

    # The partnership -------------------------------------------------------------------------------------------------
    activation_hours: Hours = 24
    """R31: after this an activation that was not reported is told to the platform."""
    modification_days: Days = 30
    """R129: so long the other side may answer a change; then it lapses."""
    upkeep_fields: tuple[ShortText, ...] = ("contact_person", "email", "phone")
    """What a partner may change without being asked (R129)."""

    # Its end ---------------------------------------------------------------------------------------------------------
    roles_that_may_end: tuple[Role, ...] = (Role.ADMIN,)
    """R83: of either side's users."""
    reason_characters_min: Characters = 10
    """R46: of a reason."""
    categories: dict[Initiator, tuple[Category, ...]] = CATEGORIES
    """R37 to R43: who may give which reason."""
    consent_of_other_side: dict[Model, Sides] = CONSENT
    """C2: whose requests need the other side's consent."""
    decision_days: Days = 10
    """R80: so long the other side may decide."""
    silence: dict[Side, Literal["approves", "escalates"]] = SILENCE
    """C10: what it means that this side does not decide in time."""
    notice_days: Days = 30
    """R45, R48: from the submission to the end, at least. A partner's registration or agreement may say otherwise."""
    end_days_max: Annotated[int, Field(ge=0, le=3660)] = 366
    """R113: from the request to the end that it asks for, at most: until then the other side cannot ask for its own."""
    requests_of: Sides = ("customer",)
    """R62, C4: whose requests count."""
    requests_max: Annotated[int, Field(ge=1, le=32)] = 1
    """R62, C8: how many are allowed in the window; for a switch, whatever an agreement says: it ends another one's."""
    requests_window_months: Annotated[int, Field(ge=1, le=24)] = 3
    """R62: calendar months, in UTC."""
    requests_counted: Literal["submitted", "effective"] = "submitted"
    """R62, C4: `effective`: rejected and withdrawn ones do not count."""
    facts_hours_max: Annotated[int, Field(ge=1, le=8784)] = 24
    """For what stands in the way of an end an older fact is not known."""
    checks: dict[Model, dict[Side, tuple[BlockItem, ...]]] = CHECKS
    """C6: what stands in the way, by model and by who asks."""
    plans_of: Sides = ("partner",)
    """C11: who gives a migration plan and an alternative service."""
    draft_days: Annotated[int, Field(ge=1, le=366)] = 7
    """So long an unconfirmed request may wait; then it lapses and does not count."""
    warning_version: ShortText = WARNING_VERSION
    """R92: of the warnings that have to be read; a stale one is refused."""
    code_of: dict[Model, Sides] = CODES
    """R77: who enters a code. Where customer service acts, always."""
    code_minutes: Annotated[int, Field(ge=1, le=10080)] = 5
    """R77: how long a code is valid."""
    code_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    """R77: after so many wrong codes in a row, of whichever requests, no code is accepted for a while."""
    code_lock_minutes: Minutes = 15
    """R77: for how long."""
    codes_max: Annotated[int, Field(ge=1, le=100)] = 3
    """R77: how many codes one request may send for."""
    stalled_days: Days = 30
    """A termination that is blocked for so long is decided by the platform."""
    recheck_hours: Annotated[int, Field(ge=1, le=8784)] = 24
    """How often a blocked one is looked at again."""
    initiators_card_hidden: bool = True
    """R123, C5: whether the end hides the card of who asked for it."""

    # Afterwards ------------------------------------------------------------------------------------------------------
    retention_days: Days = 30
    """R58, R98: so long the data is kept after the end, and a reactivation is possible."""
    completion_days: Days = 7
    """R88: after this a closing that is not done is told to the platform."""
    refund: Refund = "pro_rata"
    """R102: what is given back of a period that was paid and not used."""
    bill_confirmation_days: Days = 14
    """R104: then the final bill counts as confirmed."""
    reactivation_needs_both: bool = True
    """R106: whether the other side has to agree."""
    reactivation_fee: bool = False
    """R111: whether a payment's reference is needed."""
    actions_of_ended: tuple[ShortText, ...] = ("view", "delete")
    """C9, R116: what is on the card of one that has ended."""

    def items(self, model: Model, by: Side) -> tuple[BlockItem, ...]:
        """What a side's request has to pass (C6, C11)."""
        checks = self.checks[model][by]
        return (*checks, *PLANS) if by in self.plans_of else checks

    def with_agreement(self, overrides: Overrides) -> "Policy":
        """The policy for a partner whose agreement decides some of it."""
        changed = {name: self._over(name, value) for name, value in overrides.__dict__.items() if value is not None}
        return self.but(**changed) if changed else self

    def _over(self, name: str, value: Any) -> Any:
        """Of a map only the keys that are given."""
        return {**getattr(self, name), **value} if isinstance(value, dict) else value

    def offer_rules(self, *, reserves: bool) -> OfferRules:
        """What an offer keeps of this."""
        return OfferRules(
            policy_version=self.version,
            reserves=reserves,
            resends_max=self.resends_max,
            reminder_days=self.reminder_days,
            purge_days=self.offer_purge_days,
            identity_attempts=self.identity_attempts,
        )

    def case_rules(self, model: Model, by: Side, *, assisted: bool = False) -> CaseRules:
        """What a termination keeps of this."""
        return CaseRules(
            policy_version=self.version,
            warning_version=self.warning_version,
            items=self.items(model, by),
            facts_hours_max=self.facts_hours_max,
            needs_consent=by in self.consent_of_other_side[model],
            needs_code=assisted or by in self.code_of[model],
            decision_days=self.decision_days,
            notice_days=self.notice_days,
            stalled_days=self.stalled_days,
            retention_days=self.retention_days,
            completion_days=self.completion_days,
            refund=self.refund,
            bill_confirmation_days=self.bill_confirmation_days,
            reactivation_needs_both=self.reactivation_needs_both,
            reactivation_fee=self.reactivation_fee,
            silence=self.silence[other_side(by)],
            requests_counted=self.requests_counted,
            initiators_card_hidden=self.initiators_card_hidden,
        )
