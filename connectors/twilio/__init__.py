"""SMS and calls through Twilio: signed webhooks in, REST out, reports back."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterable
from typing import Any, ClassVar, cast

from aiohttp import web
from pydantic import BaseModel

from connectors.twilio.guard import Guard
from connectors.twilio.rest import Rest
from connectors.twilio.segments import MAX_CHARACTERS, Segments, segments
from connectors.twilio.settings import Settings
from connectors.twilio.voice import Voice
from connectors.twilio.webhook import Form, parse_form, to_delivery, to_inbound
from hub.channels.model import Accept, Account, Capabilities, Inbound, Outbound, Outcome, SendError, Wire
from hub.core import log
from hub.core.errors import Invalid, Unavailable
from hub.core.service import Core

__all__ = ["Segments", "Settings", "Twilio", "segments"]

logger = log.get(__name__)
_FORM = "application/x-www-form-urlencoded"
_EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_SID = re.compile(r"^(SM|MM)[0-9a-fA-F]{32}$")


class Twilio:
    """Translates between Twilio's Programmable Messaging and the hub."""

    name: ClassVar[str] = "twilio"
    channels: ClassVar[tuple[str, ...]] = ("sms", "voice")
    Settings: ClassVar[type[BaseModel]] = Settings

    def __init__(self, core: Core):
        self._public_url = core.public_url
        self._rest = Rest()
        self.calls = Voice(core.public_url, self._rest)

    def capabilities(self, channel: str) -> Capabilities:
        """Plain text, up to Twilio's 1,600 characters."""
        return Capabilities(max_length=MAX_CHARACTERS)

    def routes(self, accept: Accept) -> Iterable[web.RouteDef]:
        """`/hooks/twilio/{account}/sms` and `/hooks/twilio/{account}/status/{outbound}`."""
        hooks = _Hooks(accept, self._public_url)
        return [
            web.post("/hooks/twilio/{account}/sms", hooks.sms),
            web.post("/hooks/twilio/{account}/status/{outbound}", hooks.status),
        ]

    async def run(self, accept: Accept) -> None:
        """Nothing to poll, Twilio calls us; until cancelled, then the connections to it are closed."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def send(self, account: Account, outbound: Outbound, wire: Wire) -> str:
        """Post the message; its SID. The status reports carry our own id in their address."""
        settings = cast("Settings", account.settings)
        if not outbound.text.strip():
            raise SendError("An SMS needs a text.", outcome=Outcome.FAILED)
        if len(outbound.text) > MAX_CHARACTERS:
            raise SendError(f"An SMS holds at most {MAX_CHARACTERS} characters.", outcome=Outcome.FAILED)
        fields: dict[str, Any] = {
            "to": outbound.to,
            "body": outbound.text,
            "status_callback": f"{self._public_url}/hooks/twilio/{account.key}/status/{outbound.id}",
        }
        if settings.messaging_service_sid:
            fields["messaging_service_sid"] = settings.messaging_service_sid
        else:
            fields["from_"] = account.address
        await wire()
        return await self._rest.create(settings, **fields)

    def translate(self, account: Account | None, raw: bytes, raw_type: str, meta: dict[str, Any]) -> Inbound:
        """A stored webhook again."""
        if account is None:
            raise Invalid("The webhook belongs to no account.")
        return to_inbound(account.id, raw)

    async def close(self) -> None:
        """Close the connections to Twilio."""
        await self._rest.close()


class _Hooks:
    """The two webhooks: verify, hand over, and only then answer 200."""

    def __init__(self, accept: Accept, public_url: str):
        self._accept = accept
        self._guard = Guard(accept, public_url, "sms")

    async def sms(self, request: web.Request) -> web.Response:
        """A received message."""
        found = await self._guard.verified(request)
        try:
            await self._take(found.account, found.raw, found.form)
        except Unavailable:
            return web.Response(status=503, headers={"Retry-After": "5"})
        return web.Response(text=_EMPTY, content_type="text/xml")

    async def status(self, request: web.Request) -> web.Response:
        """A status report about one of our sends."""
        found = await self._guard.verified(request)
        number = request.match_info["outbound"]
        outbound_id = int(number) if number.isdecimal() and len(number) < 19 else None
        try:
            delivery = to_delivery(found.form, outbound_id)
            if delivery is not None:
                await self._accept.delivery(delivery)
        except Unavailable:
            return web.Response(status=503, headers={"Retry-After": "5"})
        except Invalid as error:
            logger.warning(
                "status_report_unreadable", account=found.account.key, error=error.detail, size=len(found.raw)
            )
        return web.Response(status=204)

    async def _take(self, account: Account, raw: bytes, form: Form) -> None:
        try:
            await self._accept.message(to_inbound(account.id, raw, form))
        except Invalid as error:
            await self._accept.quarantine(
                connector="twilio",
                account_id=account.id,
                dedup_key=_dedup_key(raw),
                raw=raw,
                raw_type=_FORM,
                reason=error.detail,
            )


def _dedup_key(raw: bytes) -> str:
    try:
        sid = parse_form(raw).get("MessageSid", "")
    except ValueError:
        sid = ""
    return sid if _SID.match(sid) else f"sha256:{hashlib.sha256(raw).hexdigest()}"
