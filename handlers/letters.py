"""How a notice is made out: by which way, to which address, in which language, with which secret (R19, R77)."""

from contracts.events.notice import NoticeSent, TokenRequest
from contracts.templates import TemplateName
from contracts.terms import Side
from handlers.documents import Customer, Partner, Partnership, Told
from handlers.tokens import CODE, INVITATION, INVITATIONS, secret_of

CHANNEL = "platform_email"
"""For all but invitations, whose channel their sender chooses (R19), and codes (R77)."""
CONSOLE = "console_message"
"""How the platform's own people are told."""
SMS = "sms"
LINK = "console_link"
"""For who has an account, as the console."""


def channel_of(partnership: Partnership, customer: Customer | None, template: TemplateName) -> str:
    """R19, R77: a code goes as a text message, where a phone is registered."""
    if template in INVITATIONS:
        return partnership.offer.channel
    has_phone = customer is not None and customer.registered_phone
    return SMS if template == "verification_code" and has_phone else CHANNEL


def to_partner(
    partner: Partner,
    partnership: Partnership,
    template: TemplateName,
    params: dict[str, str],
    notice_id: str,
    channel: str,
) -> NoticeSent:
    """To the partner's contact, in its language."""
    return NoticeSent(
        notice_id=notice_id,
        party="partner",
        recipient_id=partner.id,
        channel=channel,
        address=partner.contact.contact_email,
        template=template,
        language=partner.language,
        params=_named(partner, partnership, params),
        token=_token(partnership, "partner", template) if template == "verification_code" else None,
    )


def to_customer(
    partner: Partner,
    partnership: Partnership,
    customer: Customer | None,
    template: TemplateName,
    params: dict[str, str],
    notice_id: str,
    channel: str,
) -> NoticeSent:
    """To the registered address once it is known who the company is; an invitation always to the one it was made for.

    A code never goes to an address of the offer's: the partner can change that.
    """
    offer = partnership.offer
    registered, offered = "", offer.phone if channel == SMS else offer.email
    if customer is not None and partnership.linked and template not in INVITATIONS:
        registered = customer.registered_phone if channel == SMS else customer.registered_email
    return NoticeSent(
        notice_id=notice_id,
        party="customer",
        recipient_id=partnership.customer_id,
        channel=channel,
        address=registered if registered or template == "verification_code" else offered,
        template=template,
        language=offer.language,
        params=_named(partner, partnership, params),
        token=_token(partnership, "customer", template),
    )


def to_platform(
    partner: Partner, partnership: Partnership, template: TemplateName, params: dict[str, str], notice_id: str
) -> NoticeSent:
    """To the platform's own people."""
    return NoticeSent(
        notice_id=notice_id,
        party="platform",
        channel=CONSOLE,
        address="",
        template=template,
        language="en",
        params=_named(partner, partnership, params),
    )


def again(
    partner: Partner, partnership: Partnership, customer: Customer | None, told: Told, channel: str, notice_id: str
) -> NoticeSent:
    """The same notice by another way."""
    if told.party == "partner":
        return to_partner(partner, partnership, told.template, told.params, notice_id, channel)
    return to_customer(partner, partnership, customer, told.template, told.params, notice_id, channel)


def _token(partnership: Partnership, party: Side, template: TemplateName) -> TokenRequest | None:
    number = secret_of(partnership, party, template)
    if number is None:
        return None
    purpose = INVITATION if template in INVITATIONS else CODE
    return TokenRequest(purpose=purpose, subject=partnership.id, number=number)


def _named(partner: Partner, partnership: Partnership, params: dict[str, str]) -> dict[str, str]:
    return {**params, "partner_name": partner.contact.name, "company_name": partnership.offer.legal_name}
