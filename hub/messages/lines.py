"""What the hub writes into a conversation by itself: a code with parameters for screens, and the English of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub.core.texts import filled

ENGLISH = {
    "waiting": "The customer has been waiting for an answer for more than {minutes:minute}.",
    "unsent": "The answer did not arrive, so the customer waits still. Answer again, another way if need be.",
    "rated": "The customer rated our help {score} of 5 and is not content.",
    "score": "Rated {score} of 5",
    "perhaps": "The customer may want no more messages ({word}).",
    "stop": "The customer wants no more messages ({word}).",
    "start": "The customer wants messages again ({word}).",
    "refused": "{address} has opted out of our messages; nothing is sent there any more.",
    "spam": "{address} reported our message as spam; nothing is sent there any more.",
    "replyTo": "Answers go to {address} now.",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One of these; screens word `line.CODE` by `said.CODE` of their catalogue. `comment`: a customer's own words."""

    code: str
    params: dict[str, Any]
    comment: str = ""

    @property
    def text(self) -> str:
        """The English of it."""
        words = filled(ENGLISH[self.code], self.params)
        return f"{words}\n{self.comment}" if self.comment else words

    def said(self) -> dict[str, Any]:
        """As it lies in the message's `meta`."""
        params = {**self.params, "comment": self.comment} if self.comment else self.params
        return {"code": f"line.{self.code}", "params": params, "text": self.text}


def line(code: str, **params: Any) -> Line:
    """A line; a `KeyError` when there are no words for it."""
    ENGLISH[code]
    return Line(code, params)
