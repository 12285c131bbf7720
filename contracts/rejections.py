"""Refusals: the closed list of codes, each in words for a person, and the messages that carry them."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field, JsonValue

from contracts.base import Id, LongText, ShortText
from contracts.message import Event
from contracts.topics import TopicName


class RejectionCode(StrEnum):
    """Why a command was refused."""

    NOT_AUTHORIZED = "NOT_AUTHORIZED"
    NOT_FOUND = "NOT_FOUND"
    NOT_ALLOWED_IN_STATUS = "NOT_ALLOWED_IN_STATUS"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    COMMAND_ID_REUSED = "COMMAND_ID_REUSED"
    NOT_YOUR_TURN = "NOT_YOUR_TURN"

    PARTNER_NOT_ACTIVE = "PARTNER_NOT_ACTIVE"
    PARTNER_NEGATIVE_RECORD = "PARTNER_NEGATIVE_RECORD"
    AGREEMENT_ENDED = "AGREEMENT_ENDED"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    INVITATION_INCOMPLETE = "INVITATION_INCOMPLETE"
    CHANNEL_NOT_OFFICIAL = "CHANNEL_NOT_OFFICIAL"
    STANDARDS_VERSION_STALE = "STANDARDS_VERSION_STALE"
    DUPLICATE_OPEN_INVITATION = "DUPLICATE_OPEN_INVITATION"
    ALREADY_BOUND_TO_YOU = "ALREADY_BOUND_TO_YOU"
    CUSTOMER_ALREADY_BOUND = "CUSTOMER_ALREADY_BOUND"
    CUSTOMER_NOT_QUALIFIED = "CUSTOMER_NOT_QUALIFIED"
    CUSTOMER_NOT_COMPLIANT = "CUSTOMER_NOT_COMPLIANT"
    INVITATION_EXPIRED = "INVITATION_EXPIRED"
    RESEND_LIMIT = "RESEND_LIMIT"
    TOKEN_INVALID = "TOKEN_INVALID"  # noqa: S105 - a code, not a token
    IDENTITY_MISMATCH = "IDENTITY_MISMATCH"
    IDENTITY_NOT_VERIFIED = "IDENTITY_NOT_VERIFIED"
    VERIFICATION_EXHAUSTED = "VERIFICATION_EXHAUSTED"
    SWITCH_CONFIRMATION_REQUIRED = "SWITCH_CONFIRMATION_REQUIRED"
    SWITCH_IN_PROGRESS = "SWITCH_IN_PROGRESS"
    CONSENT_VERSION_STALE = "CONSENT_VERSION_STALE"

    REASON_REQUIRED = "REASON_REQUIRED"
    REQUEST_ALREADY_OPEN = "REQUEST_ALREADY_OPEN"
    NO_OPEN_REQUEST = "NO_OPEN_REQUEST"
    REQUEST_LIMIT_REACHED = "REQUEST_LIMIT_REACHED"
    TERMINATION_BLOCKED = "TERMINATION_BLOCKED"
    NOTICE_TOO_SHORT = "NOTICE_TOO_SHORT"
    END_TOO_LATE = "END_TOO_LATE"
    ACCOUNT_NOT_MATCHED = "ACCOUNT_NOT_MATCHED"
    WARNINGS_NOT_CONFIRMED = "WARNINGS_NOT_CONFIRMED"
    WARNING_VERSION_STALE = "WARNING_VERSION_STALE"
    CODE_WRONG = "CODE_WRONG"
    CODE_EXPIRED = "CODE_EXPIRED"
    CODE_LOCKED = "CODE_LOCKED"

    PARTNERSHIP_READ_ONLY = "PARTNERSHIP_READ_ONLY"
    LEGAL_HOLD = "LEGAL_HOLD"
    BILL_NOT_ISSUED = "BILL_NOT_ISSUED"
    BILL_ALREADY_CONFIRMED = "BILL_ALREADY_CONFIRMED"
    DISPUTE_OPEN = "DISPUTE_OPEN"
    REACTIVATION_WINDOW_CLOSED = "REACTIVATION_WINDOW_CLOSED"
    REACTIVATION_NOT_OPEN = "REACTIVATION_NOT_OPEN"
    REACTIVATION_FEE_DUE = "REACTIVATION_FEE_DUE"
    CUSTOMER_BOUND_ELSEWHERE = "CUSTOMER_BOUND_ELSEWHERE"


class Explanation(NamedTuple):
    """A code in words.

    `retryable`: time or somebody else can make the same command acceptable; under a new id, for the old one is decided.
    """

    sentence: str
    advice: str
    retryable: bool


AS_IT_IS = True
CHANGED = False

EXPLANATIONS: dict[RejectionCode, Explanation] = {
    RejectionCode.NOT_AUTHORIZED: Explanation(
        "This user may not give this command.", "Ask somebody of the right side and role.", CHANGED
    ),
    RejectionCode.NOT_FOUND: Explanation(
        "There is no such partnership, partner or customer here.",
        "Check the ids; if it was created a moment ago on another topic, send this again under a new id.",
        AS_IT_IS,
    ),
    RejectionCode.NOT_ALLOWED_IN_STATUS: Explanation(
        "The partnership's status does not allow this.",
        "Look at its status; if a command on another topic was to come first, send this again under a new id.",
        AS_IT_IS,
    ),
    RejectionCode.VERSION_CONFLICT: Explanation(
        "The partnership has changed since you saw it.", "Read it again and decide anew.", CHANGED
    ),
    RejectionCode.COMMAND_ID_REUSED: Explanation(
        "Another command came with this id before.", "Give each command an id of its own.", CHANGED
    ),
    RejectionCode.NOT_YOUR_TURN: Explanation(
        "It is the other side that has to answer.", "Wait for the other side.", AS_IT_IS
    ),
    RejectionCode.PARTNER_NOT_ACTIVE: Explanation(
        "The partner's account is not active.", "Have the platform lift the restriction first.", AS_IT_IS
    ),
    RejectionCode.PARTNER_NEGATIVE_RECORD: Explanation(
        "The partner has negative records.", "Have them cleared with the platform first.", AS_IT_IS
    ),
    RejectionCode.AGREEMENT_ENDED: Explanation(
        "The partner's agreement is over.", "Renew the agreement first.", AS_IT_IS
    ),
    RejectionCode.QUOTA_EXCEEDED: Explanation(
        "The partner's customer quota is used up.", "Ask the platform for a larger quota or free a place.", AS_IT_IS
    ),
    RejectionCode.INVITATION_INCOMPLETE: Explanation(
        "Required information is missing.", "Fill in what is named as missing or malformed.", CHANGED
    ),
    RejectionCode.CHANNEL_NOT_OFFICIAL: Explanation(
        "Invitations go out through official channels only.", "Choose one of the channels that are named.", CHANGED
    ),
    RejectionCode.STANDARDS_VERSION_STALE: Explanation(
        "The invitation standards that were confirmed are not the current ones.",
        "Read and confirm the current version.",
        CHANGED,
    ),
    RejectionCode.DUPLICATE_OPEN_INVITATION: Explanation(
        "This company has an open invitation of this partner already.", "Use or cancel the open one.", AS_IT_IS
    ),
    RejectionCode.ALREADY_BOUND_TO_YOU: Explanation(
        "This company is a customer of this partner already.", "Change the existing partnership instead.", CHANGED
    ),
    RejectionCode.CUSTOMER_ALREADY_BOUND: Explanation(
        "This company is another partner's customer.", "It has to end that partnership first.", AS_IT_IS
    ),
    RejectionCode.CUSTOMER_NOT_QUALIFIED: Explanation(
        "The customer is not known to meet the qualification requirements.",
        "Have the qualification confirmed, then accept again.",
        AS_IT_IS,
    ),
    RejectionCode.CUSTOMER_NOT_COMPLIANT: Explanation(
        "The customer is not known to meet the compliance requirements.",
        "Have compliance confirmed, then accept again.",
        AS_IT_IS,
    ),
    RejectionCode.INVITATION_EXPIRED: Explanation(
        "The invitation has expired.", "Ask the partner for a new invitation.", CHANGED
    ),
    RejectionCode.RESEND_LIMIT: Explanation(
        "The invitation was sent as often as is allowed.", "Cancel it and invite anew.", CHANGED
    ),
    RejectionCode.TOKEN_INVALID: Explanation(
        "This invitation link is not valid.", "Use the link of the latest invitation message.", CHANGED
    ),
    RejectionCode.IDENTITY_MISMATCH: Explanation(
        "The verified company is not the invited one.", "Ask the partner to invite under the right name.", CHANGED
    ),
    RejectionCode.IDENTITY_NOT_VERIFIED: Explanation(
        "The identity has not been verified yet.", "Complete the identity verification first.", AS_IT_IS
    ),
    RejectionCode.VERIFICATION_EXHAUSTED: Explanation(
        "The identity verification failed too often; the invitation has expired.",
        "Ask the partner for a new invitation.",
        CHANGED,
    ),
    RejectionCode.SWITCH_CONFIRMATION_REQUIRED: Explanation(
        "Accepting would end the partnership with the current partner.",
        "Confirm the switch explicitly, and name the partner that is left.",
        CHANGED,
    ),
    RejectionCode.SWITCH_IN_PROGRESS: Explanation(
        "A switch between two partners is under way.", "Wait until it is done and try again.", AS_IT_IS
    ),
    RejectionCode.CONSENT_VERSION_STALE: Explanation(
        "The terms that were consented to are not the current ones.", "Read and accept the current version.", CHANGED
    ),
    RejectionCode.REASON_REQUIRED: Explanation(
        "A reason is required.", "Say why, in at least as many characters as are named.", CHANGED
    ),
    RejectionCode.REQUEST_ALREADY_OPEN: Explanation(
        "The same has been asked for already.", "Wait for its outcome, go on with it, or withdraw it.", AS_IT_IS
    ),
    RejectionCode.NO_OPEN_REQUEST: Explanation(
        "There is no such request open.",
        "Look at the partnership; it may have been decided or withdrawn already.",
        AS_IT_IS,
    ),
    RejectionCode.REQUEST_LIMIT_REACHED: Explanation(
        "The customer has used up its termination requests for now.", "Ask again at `next_allowed_at`.", AS_IT_IS
    ),
    RejectionCode.TERMINATION_BLOCKED: Explanation(
        "Something stands in the way of ending the partnership.",
        "Clear each item as it says, then try again.",
        AS_IT_IS,
    ),
    RejectionCode.NOTICE_TOO_SHORT: Explanation(
        "The requested end lies within the notice period.", "Choose the earliest date or a later one.", CHANGED
    ),
    RejectionCode.END_TOO_LATE: Explanation(
        "The requested end is too far away.", "Choose the latest date or an earlier one.", CHANGED
    ),
    RejectionCode.ACCOUNT_NOT_MATCHED: Explanation(
        "Account id and registered e-mail do not belong together.", "Ask the caller for both again.", CHANGED
    ),
    RejectionCode.WARNINGS_NOT_CONFIRMED: Explanation(
        "The warnings have not been confirmed.",
        "Read the warnings of the version that is named, and confirm them.",
        CHANGED,
    ),
    RejectionCode.WARNING_VERSION_STALE: Explanation(
        "The warnings that were confirmed are not the current ones.", "Read and confirm the current version.", CHANGED
    ),
    RejectionCode.CODE_WRONG: Explanation("The code is wrong.", "Look at the latest code and enter it again.", CHANGED),
    RejectionCode.CODE_EXPIRED: Explanation("The code has expired.", "Ask for a new code.", CHANGED),
    RejectionCode.CODE_LOCKED: Explanation(
        "Too many codes were wrong, or asked for.",
        "Wait until the time that is named; where none is, withdraw the request and begin anew.",
        AS_IT_IS,
    ),
    RejectionCode.PARTNERSHIP_READ_ONLY: Explanation(
        "A terminated partnership can be read but not changed.", "Start a new invitation.", CHANGED
    ),
    RejectionCode.LEGAL_HOLD: Explanation(
        "The partnership is under legal hold.", "Have the platform release the hold first.", AS_IT_IS
    ),
    RejectionCode.BILL_NOT_ISSUED: Explanation(
        "The final bill has not been issued yet.", "Wait for the final bill.", AS_IT_IS
    ),
    RejectionCode.BILL_ALREADY_CONFIRMED: Explanation(
        "The final bill has been confirmed already.", "Write to support if it is wrong.", CHANGED
    ),
    RejectionCode.DISPUTE_OPEN: Explanation(
        "The final bill is disputed.", "Wait until support has resolved the dispute.", AS_IT_IS
    ),
    RejectionCode.REACTIVATION_WINDOW_CLOSED: Explanation(
        "The time for reactivation is over.", "Start a new invitation.", CHANGED
    ),
    RejectionCode.REACTIVATION_NOT_OPEN: Explanation(
        "There is no reactivation request to answer.", "Request the reactivation first.", AS_IT_IS
    ),
    RejectionCode.REACTIVATION_FEE_DUE: Explanation(
        "The reactivation fee has not been paid.", "Pay it and give the payment's reference.", CHANGED
    ),
    RejectionCode.CUSTOMER_BOUND_ELSEWHERE: Explanation(
        "The customer has another partner by now.", "It has to end that partnership first.", AS_IT_IS
    ),
}

Details = Annotated[dict[str, JsonValue], Field(max_length=16)]


class CommandRejected(Event):
    """A command was refused; nothing has changed. `message` and `details` are for the person who gave it."""

    TOPIC: ClassVar[TopicName] = TopicName.REJECTIONS

    command_id: Id
    command_type: ShortText
    code: RejectionCode
    message: LongText
    details: Details
    retryable: bool


class CommandAnswered(Event):
    """The answer to a dry run: what the command would do."""

    TOPIC: ClassVar[TopicName] = TopicName.REJECTIONS

    command_id: Id
    command_type: ShortText
    would: Literal["accept", "refuse"]
    events: Annotated[tuple[ShortText, ...], Field(max_length=64)] = ()
    code: RejectionCode | None = None
    details: Details
