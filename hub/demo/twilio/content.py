"""The stand-in's Content API: approved templates with places to fill in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Content:
    """One template; `variables` are examples for its places."""

    sid: str
    name: str
    body: str
    language: str = "en"
    variables: dict[str, str] = field(default_factory=dict[str, str])

    def filled(self, given: dict[str, str]) -> str:
        """The text with what was given in its places; the example where nothing was."""
        return _PLACE.sub(lambda found: given.get(found[1], self.variables.get(found[1], "")), self.body)

    def as_json(self, account_sid: str) -> dict[str, Any]:
        """The Content resource."""
        return {
            "sid": self.sid, "account_sid": account_sid, "friendly_name": self.name, "language": self.language,
            "variables": self.variables, "types": {"twilio/text": {"body": self.body}},
            "date_created": "2026-01-05T09:00:00Z", "date_updated": "2026-01-05T09:00:00Z",
            "url": f"https://content.twilio.com/v1/Content/{self.sid}", "links": {},
        }  # fmt: skip


OURS = {
    content.sid: content
    for content in (
        Content(
            "HX" + "1" * 32, "order_update", "Hello {{1}}, there is news about your order {{2}}. May we tell you more?",
            variables={"1": "Ana", "2": "LO-1024"},
        ),
        Content(
            "HX" + "2" * 32, "order_update", "{{1}}，您好！您的订单 {{2}} 有新的进展，方便为您说明吗？", "zh_CN",
            variables={"1": "王女士", "2": "LO-1024"},
        ),
        Content("HX" + "3" * 32, "thank_you", "Thank you for being our customer."),
    )
}  # fmt: skip
