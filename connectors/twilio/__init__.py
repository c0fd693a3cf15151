"""SMS, MMS, WhatsApp and calls through Twilio: signed webhooks in, REST out, reports back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, ClassVar, cast

import orjson
from aiohttp import web
from pydantic import BaseModel

from connectors.twilio.content import Contents
from connectors.twilio.history import LISTED, Records, relisted, spelled
from connectors.twilio.hooks import Hooks, terms_of
from connectors.twilio.media import MediaStore
from connectors.twilio.rest import Rest
from connectors.twilio.settings import Settings
from connectors.twilio.voice import Voice
from connectors.twilio.webhook import to_inbound
from hub.channels.capabilities import capabilities_of
from hub.channels.extras import FetchedFile, Listed, MessageTemplate, Traces
from hub.channels.model import (
    Accept,
    Account,
    Capabilities,
    Inbound,
    Outbound,
    Outcome,
    SendError,
    Wire,
)
from hub.channels.reasons import Reason
from hub.channels.segments import MAX_CHARACTERS, Segments, segments
from hub.core.errors import Invalid
from hub.core.service import Core

__all__ = ["Segments", "Settings", "Twilio", "segments"]

MOST_FILES = 10
INSIST = "#rc=5&rp=ct,rt,5xx"  # a report that finds nobody is made again; by itself Twilio tries twice at most


class Twilio:
    """Translates between Twilio's Programmable Messaging and the hub."""

    name: ClassVar[str] = "twilio"
    channels: ClassVar[tuple[str, ...]] = ("sms", "whatsapp", "voice")
    Settings: ClassVar[type[BaseModel]] = Settings

    def __init__(self, core: Core):
        self._public_url = core.public_url
        self._rest = Rest()
        self._media = MediaStore()
        self._contents = Contents(self._rest)
        self._records = Records(self._rest)
        self.calls = Voice(core.public_url, self._rest)

    def capabilities(self, channel: str) -> Capabilities:
        """Plain text, up to Twilio's 1,600 characters, and files; WhatsApp tells what was read and has its window."""
        return capabilities_of(channel)

    def routes(self, accept: Accept) -> Iterable[web.RouteDef]:
        """The webhooks of messages."""
        return Hooks(accept, self._public_url).routes()

    async def run(self, accept: Accept) -> None:
        """Nothing to poll, Twilio calls us; until cancelled, then the connections to it are closed."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def send(self, account: Account, outbound: Outbound, wire: Wire) -> str:
        """Post the message; its SID. The status reports carry our own id in their address."""
        settings = cast("Settings", account.settings)
        fields = self._fields(account, settings, outbound)
        await wire()
        return await self._rest.create(settings, **fields)

    def _fields(self, account: Account, settings: Settings, outbound: Outbound) -> dict[str, Any]:
        if len(outbound.text) > MAX_CHARACTERS:
            words = f"A message holds at most {MAX_CHARACTERS} characters."
            raise SendError(words, outcome=Outcome.FAILED, code=Reason.TOO_LONG, params={"most": MAX_CHARACTERS})
        if len(outbound.links) > MOST_FILES:
            words = f"A message carries at most {MOST_FILES} files."
            raise SendError(words, outcome=Outcome.FAILED, code=Reason.TOO_MANY_FILES, params={"most": MOST_FILES})
        fields: dict[str, Any] = {
            "to": spelled(account, outbound.to),
            "status_callback": f"{self._public_url}/hooks/twilio/{account.key}/status/{outbound.id}{INSIST}",
        }
        if outbound.template is not None:
            fields["content_sid"] = outbound.template.id
            fields["content_variables"] = orjson.dumps(outbound.template.variables).decode()
        elif outbound.text.strip():
            fields["body"] = outbound.text
        if outbound.links:
            fields["media_url"] = list(outbound.links)
        if not fields.keys() & {"body", "media_url", "content_sid"}:
            raise SendError("A message needs a text or a file.", outcome=Outcome.FAILED, code=Reason.EMPTY)
        if settings.messaging_service_sid:
            fields["messaging_service_sid"] = settings.messaging_service_sid
        if not settings.messaging_service_sid or account.channel == "whatsapp":
            fields["from_"] = spelled(account, account.address or "")
        return fields

    def translate(self, account: Account | None, raw: bytes, raw_type: str, meta: dict[str, Any]) -> Inbound:
        """A stored webhook again."""
        if account is None:
            raise Invalid("The webhook belongs to no account.")
        terms = terms_of(account)
        return relisted(account.id, raw, terms) if raw_type == LISTED else to_inbound(account.id, raw, terms=terms)

    # -- what Twilio has beside the contract (hub/channels/extras.py) ---------------------------------------------
    async def fetch_media(self, account: Account, url: str) -> FetchedFile:
        """A received file."""
        return await self._media.fetch(cast("Settings", account.settings), url)

    async def delete_media(self, account: Account, url: str) -> None:
        """Delete a file at Twilio, unless the account keeps them there."""
        settings = cast("Settings", account.settings)
        if not settings.keep_media:
            await self._media.delete(settings, url)

    async def templates(self, account: Account) -> list[MessageTemplate]:
        """What may be said on WhatsApp at any time."""
        return await self._contents.of(cast("Settings", account.settings))

    async def traces(self, account: Account, outbound: Outbound) -> Traces:
        """Messages at Twilio to this send's recipient."""
        return await self._records.traces(account, outbound)

    async def find(self, account: Account, outbound: Outbound) -> bool:
        """Whether one looks like it; another send of the same text does too, hence `traces`."""
        return bool((await self.traces(account, outbound)).alike)

    async def history(self, account: Account, day: date) -> Sequence[Listed]:
        """A day at Twilio."""
        return await self._records.day(account, day)

    async def close(self) -> None:
        """Close the connections to Twilio."""
        await self._rest.close()
        await self._media.close()
