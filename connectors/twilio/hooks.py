"""The webhooks of messages: verify, hand over, and only then answer 200."""

from __future__ import annotations

import hashlib
import re
from typing import cast

from aiohttp import web

from connectors.twilio.guard import Guard, Verified
from connectors.twilio.settings import Settings
from connectors.twilio.webhook import Terms, parse_form, to_delivery, to_inbound
from hub.channels.model import Accept, Account
from hub.core import log
from hub.core.errors import Invalid, Unavailable

logger = log.get(__name__)
CHANNELS = ("sms", "whatsapp")
_FORM = "application/x-www-form-urlencoded"
_EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_SID = re.compile(r"^(SM|MM)[0-9a-fA-F]{32}$")


def terms_of(account: Account) -> Terms:
    """What must be known of an account to read its messages."""
    return Terms(account.channel, cast("Settings", account.settings).answers_opt_out)


class Hooks:
    """Received messages and status reports, of numbers and of WhatsApp senders."""

    def __init__(self, accept: Accept, public_url: str):
        self._accept = accept
        self._guards = {channel: Guard(accept, public_url, channel) for channel in CHANNELS}

    def routes(self) -> list[web.RouteDef]:
        """`/hooks/twilio/{account}/sms`, `…/whatsapp` and `…/status/{outbound}`."""
        return [
            web.post("/hooks/twilio/{account}/sms", self.sms),
            web.post("/hooks/twilio/{account}/whatsapp", self.whatsapp),
            web.post("/hooks/twilio/{account}/status/{outbound}", self.status),
        ]

    async def sms(self, request: web.Request) -> web.Response:
        """A received message."""
        return await self._received(await self._guards["sms"].verified(request))

    async def whatsapp(self, request: web.Request) -> web.Response:
        """The same by WhatsApp."""
        return await self._received(await self._guards["whatsapp"].verified(request))

    async def status(self, request: web.Request) -> web.Response:
        """A status report about one of our sends."""
        found = await (await self._guard_for(request.match_info["account"])).verified(request)
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

    async def _guard_for(self, key: str) -> Guard:
        try:
            accounts = await self._accept.accounts("twilio")
        except Unavailable:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"}) from None
        channel = next((a.channel for a in accounts if a.key == key), "sms")
        return self._guards.get(channel, self._guards["sms"])

    async def _received(self, found: Verified) -> web.Response:
        try:
            await self._receive(found)
        except Unavailable:
            return web.Response(status=503, headers={"Retry-After": "5"})
        return web.Response(text=_EMPTY, content_type="text/xml")

    async def _receive(self, found: Verified) -> None:
        account = found.account
        try:
            await self._accept.message(to_inbound(account.id, found.raw, found.form, terms=terms_of(account)))
        except Invalid as error:
            await self._accept.quarantine(
                connector="twilio",
                account_id=account.id,
                dedup_key=_dedup_key(found.raw),
                raw=found.raw,
                raw_type=_FORM,
                reason=error.detail,
            )


def _dedup_key(raw: bytes) -> str:
    try:
        sid = parse_form(raw).get("MessageSid", "")
    except ValueError:
        sid = ""
    return sid if _SID.match(sid) else f"sha256:{hashlib.sha256(raw).hexdigest()}"
