"""Money and periods."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from contracts.base import INT64_MAX, Contract, Count, Moment

Period = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", max_length=7)]
"""A calendar month: 2026-01."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$", max_length=3)]
"""ISO 4217."""

Amount = Annotated[
    int,
    Field(ge=-INT64_MAX, le=INT64_MAX, description="In the currency's smallest unit (ISO 4217): 1234 is EUR 12.34."),
]


class BusinessPeriod(Contract):
    """What was done between partner and customer in one period (R34)."""

    period: Period = "0001-01"
    amount: Amount = 0
    currency: Currency = "XXX"
    orders: Count = 0


class BillPeriod(Contract):
    """What a bill is about. `ends_at` is not before `starts_at`."""

    starts_at: Moment
    ends_at: Moment

    @model_validator(mode="after")
    def _is_forward(self) -> Self:
        if self.ends_at < self.starts_at:
            msg = "ends_at is before starts_at"
            raise ValueError(msg)
        return self
