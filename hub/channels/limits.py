"""What bounds the sending of a number: how fast, how much a day, and where to; the same for every provider.

Pumping (RFC-less fraud: somebody makes us send to numbers that earn them money) is stopped by the destinations and
the daily cap; both say in words on the conversation why something did not leave.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hub.core.field_errors import form

Prefix = Annotated[str, StringConstraints(pattern=form("dial_prefix", r"^\+[1-9][0-9]{0,9}$"))]
Currency = Annotated[str, StringConstraints(pattern=form("currency", r"^[A-Z]{3}$"))]


class Limits(BaseModel):
    """The limits of one account.

    `destinations` are prefixes of numbers (`+1`, `+4479`); empty: anywhere. `price_per_segment` (by the longest
    prefix that fits in `prices`, if any does) is what the composer shows and what `daily_spend` counts, in `currency`.
    A day begins at midnight UTC.
    """

    model_config = ConfigDict(extra="forbid")

    messages_per_second: float | None = Field(default=None, gt=0, le=1000)
    destinations: list[Prefix] = Field(default_factory=list[Prefix])
    daily_segments: int | None = Field(default=None, ge=1)
    daily_spend: float | None = Field(default=None, gt=0)
    price_per_segment: float | None = Field(default=None, gt=0)
    prices: dict[Prefix, float] = Field(default_factory=dict[Prefix, float])
    currency: Currency = "USD"

    def allows(self, number: str) -> bool:
        """Whether a number may be written to. What is no number (a provider's own id) cannot be told apart: it may."""
        return not self.destinations or not number.startswith("+") or number.startswith(tuple(self.destinations))

    def price(self, number: str) -> float | None:
        """Of one segment to a number."""
        fitting = [prefix for prefix in self.prices if number.startswith(prefix)]
        return self.prices[max(fitting, key=len)] if fitting else self.price_per_segment

    def segments_a_day(self) -> int | None:
        """How many segments may leave in a day; the dearest price counts, so that the cap holds wherever they go."""
        known = [self.daily_segments] if self.daily_segments is not None else []
        dearest = max([0.0, self.price_per_segment or 0.0, *self.prices.values()])
        if self.daily_spend is not None and dearest:
            known.append(int(self.daily_spend / dearest + 1e-9))
        return min(known, default=None)


def limits_of(settings: object) -> Limits | None:
    """The limits of an account, if its connector has such settings."""
    found = getattr(settings, "limits", None)
    return found if isinstance(found, Limits) else None
