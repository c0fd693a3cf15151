# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The Twilio SDK ships no types.
"""What Twilio has on record: sends looked for when their outcome is unknown, and whole days to compare with ours."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast
from urllib.parse import urlencode

import aiohttp
from twilio.base.exceptions import TwilioException

from connectors.twilio.rest import Rest, ThrottledError
from connectors.twilio.settings import Settings
from connectors.twilio.webhook import Terms, delivery, to_inbound
from hub.channels.extras import Listed, Traces
from hub.channels.model import Account, Inbound, Outbound
from hub.core.errors import Invalid, Unavailable

LISTED = "application/vnd.omnihub.twilio-message+x-www-form-urlencoded"  # a webhook's fields, made from the REST API
_PAGE = 1000
_SECONDS = 120.0
_TRIAL = "Sent from your Twilio trial account - "
_EARLIER = timedelta(hours=1)  # how much Twilio's clock may differ from ours


class Records:
    """Reads the Messages list; every wait is bounded."""

    def __init__(self, rest: Rest):
        self._rest = rest

    async def traces(self, account: Account, outbound: Outbound) -> Traces:
        """Messages from us to this recipient since it was written.

        Not asked for by the date of sending: what still waits in Twilio's queue has none. The list begins with the
        latest, so that one that is not read to its end is whole if it reaches back far enough.
        """
        settings, since = cast("Settings", account.settings), outbound.date - _EARLIER
        found = await self._list(settings, to=spelled(account, outbound.to), limit=_PAGE)
        if len(found) >= _PAGE and min(_created(m) for m in found) >= since:
            raise Unavailable(f"Twilio lists more than {_PAGE} messages to this recipient since then.")
        ours = sorted((m for m in found if _is_ours(m) and max(_when(m), _created(m)) >= since), key=_when)
        alike = [str(m.sid) for m in ours if _reads(str(m.body or ""), outbound.text)]
        return Traces(tuple(alike), tuple(str(m.sid) for m in ours if str(m.sid) not in alike))

    async def day(self, account: Account, day: date) -> list[Listed]:
        """Everything of one day to and from the account's address."""
        settings, own = cast("Settings", account.settings), spelled(account, account.address or "")
        begin = datetime.combine(day, time.min, UTC)
        span = {"date_sent_after": begin, "date_sent_before": begin + timedelta(days=1) - timedelta(seconds=1)}
        found = [*await self._list(settings, to=own, **span), *await self._list(settings, from_=own, **span)]
        terms = Terms(account.channel, settings.answers_opt_out)
        return [await self._listed(account, settings, one, terms) for one in found if _when(one).date() == day]

    async def _listed(self, account: Account, settings: Settings, message: Any, terms: Terms) -> Listed:
        inbound = str(message.direction) == "inbound"
        customer = str(message.from_ if inbound else message.to).removeprefix("whatsapp:")
        report = None if inbound else delivery(str(message.sid), str(message.status), message.error_code)
        made = await self._inbound(account, settings, message, terms) if inbound else None
        return Listed(str(message.sid), _when(message), customer, str(message.body or "")[:200], made, report)

    async def _inbound(self, account: Account, settings: Settings, message: Any, terms: Terms) -> Inbound | None:
        """The message as its webhook would have told it; what only the webhook tells is not there."""
        fields = {
            "MessageSid": message.sid, "AccountSid": message.account_sid, "From": message.from_, "To": message.to,
            "Body": message.body or "", "NumMedia": "0",
        }  # fmt: skip
        if str(message.num_media or "0") != "0":
            fields |= await self._media(settings, str(message.sid))
        raw = urlencode({name: str(value) for name, value in fields.items()}).encode()
        try:
            return relisted(account.id, raw, terms, _when(message))
        except Invalid:
            return None

    async def _media(self, settings: Settings, sid: str) -> dict[str, str]:
        found = await self._asked(
            lambda: self._rest.client(settings).messages(sid).media.list_async(limit=10), settings
        )
        base = str(settings.api_base).rstrip("/")
        fields = {"NumMedia": str(len(found))}
        for n, one in enumerate(found):
            fields[f"MediaUrl{n}"] = base + str(one.uri).removesuffix(".json")
            fields[f"MediaContentType{n}"] = str(one.content_type)
        return fields

    async def _list(self, settings: Settings, **wanted: Any) -> list[Any]:
        messages = self._rest.client(settings).messages
        return await self._asked(lambda: messages.list_async(page_size=_PAGE, **wanted), settings)

    async def _asked(self, ask: Callable[[], Awaitable[list[Any]]], settings: Settings) -> list[Any]:
        try:
            async with asyncio.timeout(_SECONDS):
                return await ask()
        except (TwilioException, ThrottledError, aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"Twilio does not list the messages: {error}.", remedy="Try again later.") from error


def relisted(account_id: int, raw: bytes, terms: Terms, at: datetime | None = None) -> Inbound:
    """A message from what the list says of it, under the same key as its webhook: coming both ways it is one."""
    found = to_inbound(account_id, raw, terms=terms)
    return replace(found, raw_type=LISTED, sent_at=at, meta={**found.meta, "relisted": True})


def spelled(account: Account, address: str) -> str:
    """An address as Twilio's API has it."""
    return f"whatsapp:{address}" if account.channel == "whatsapp" else address


def _is_ours(message: Any) -> bool:
    return str(message.direction).startswith("outbound")


def _created(message: Any) -> datetime:
    return message.date_created or datetime.max.replace(tzinfo=UTC)  # never too old to be the one


def _reads(body: str, text: str) -> bool:
    """Whether Twilio's text is ours: trial accounts put words before it, and its encoding has plainer quotes."""
    body = body.removeprefix(_TRIAL)
    own = _plain(text)
    return _plain(body) == own if own else body.strip() == text.strip()


def _plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _when(message: Any) -> datetime:
    return message.date_sent or message.date_created or datetime.min.replace(tzinfo=UTC)
