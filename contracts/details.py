"""What a partnership says about the company and about whom to talk to. Personal data: only in events' private parts."""

from typing import Annotated

from pydantic import Field

from contracts.base import Contract, EMail, LongText, ShortText


class Changes(Contract):
    """What a modification changes; None leaves it as it is."""

    contact_person: ShortText | None = None
    email: EMail | None = None
    phone: ShortText | None = None
    requirements: LongText | None = None
    estimated_volume: ShortText | None = None
    terms: LongText | None = None

    @property
    def given(self) -> dict[str, str]:
        """What is changed, by name."""
        return {name: value for name, value in self.__dict__.items() if value is not None}


class Contacts(Contract):
    """Whom the customer finds at the partner: assigned contact, team, and who helps at which level (R35, R117)."""

    assigned_contact: ShortText = ""
    management_team: Annotated[tuple[ShortText, ...], Field(max_length=16)] = ()
    support_contact: ShortText = ""
    support_level: ShortText = ""
