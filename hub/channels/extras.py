"""What some connectors can do beside the contract: fetch files, offer templates, look up what was sent, list a day.

The hub asks with `isinstance`; a connector without one of these simply has none of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol, runtime_checkable

from hub.channels.model import Account, Delivery, Inbound, Outbound
from hub.channels.reasons import Reason
from hub.core.errors import HubError, Invalid


class FetchError(HubError):
    """The file could not be fetched. `gone`: nor will it ever be. `absent`: it is not there, or not there yet.

    `code` and `params` say why for the screens.
    """

    def __init__(
        self,
        detail: str,
        *,
        gone: bool = False,
        absent: bool = False,
        code: Reason | str | None = None,
        params: Mapping[str, Any] | None = None,
    ):
        super().__init__(detail, code=code, params=params)
        self.gone = gone
        self.absent = absent


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file as it came; `content_type` is what the server called it."""

    body: bytes
    content_type: str


@runtime_checkable
class MediaSource(Protocol):
    """A connector whose messages name files that lie with the provider."""

    async def fetch_media(self, account: Account, url: str) -> FetchedFile:
        """The file; `FetchError`. Never asks anybody but the provider."""
        ...

    async def delete_media(self, account: Account, url: str) -> None:
        """Delete it at the provider; one that is gone is deleted. `FetchError`."""
        ...


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """A text that the provider has approved. `body` has places like `{{1}}`; `variables` are examples for them."""

    id: str
    name: str
    locale: str
    body: str
    variables: dict[str, str]


_PLACE = re.compile(r"\{\{\s*([A-Za-z0-9_]{1,40})\s*\}\}")


def fill(template: MessageTemplate, variables: dict[str, str]) -> str:
    """What a template comes to; `Invalid` names the places that nothing stands for."""
    needed = list(dict.fromkeys(_PLACE.findall(template.body)))
    missing = {f"template.variables.{k}": "is needed" for k in needed if not variables.get(k, "").strip()}
    if missing:
        raise Invalid("The template is not filled in.", code="template.blank", fields=missing)
    unknown = {f"template.variables.{k}": "is no place of this template" for k in variables if k not in needed}
    if unknown:
        raise Invalid("The template has no such place.", fields=unknown)
    return _PLACE.sub(lambda place: variables[place[1]], template.body)


@runtime_checkable
class TemplateSource(Protocol):
    """A connector with templates."""

    async def templates(self, account: Account) -> list[MessageTemplate]:
        """The templates of an account, a few minutes old at most; `Unavailable` when there is nothing to show."""
        ...


@dataclass(frozen=True, slots=True)
class Traces:
    """The provider's ids of messages to one recipient since a send was written, the oldest first.

    `alike` have its text. `others` have another, or none that can be compared (redacted, links shortened, put into
    words by the provider): one of them may be this send all the same.
    """

    alike: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@runtime_checkable
class Tracer(Protocol):
    """A connector whose provider lists what it took."""

    async def traces(self, account: Account, outbound: Outbound) -> Traces:
        """What the list has of this send's recipient, whole: `Unavailable` when some of it cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """One message as the provider lists it: what came in, or what became of what went out."""

    provider_id: str
    at: datetime | None
    customer: str
    preview: str
    inbound: Inbound | None = None
    delivery: Delivery | None = None


@runtime_checkable
class Bounded(Protocol):
    """A connector that says how many sends of an account it can have under way."""

    def at_once(self, account: Account) -> tuple[int, int]:
        """How many sends of this account a process may hold, and how many of them to one recipient domain."""
        ...


@runtime_checkable
class History(Protocol):
    """A connector that can list everything of a day."""

    async def history(self, account: Account, day: date) -> Sequence[Listed]:
        """The messages of one day (UTC) of this account; `Unavailable` when the provider cannot be asked."""
        ...
