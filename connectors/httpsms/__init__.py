"""SMS through any provider that speaks plain HTTP: a request template and a webhook mapping, and no code."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, cast

import aiohttp
from aiohttp import web
from pydantic import BaseModel

from connectors.httpsms.mapping import FORM, document, filled, nested, text_at
from connectors.httpsms.settings import Settings
from connectors.httpsms.webhook import messages, proved, reports, to_inbound
from hub.channels.capabilities import capabilities_of
from hub.channels.model import Accept, Account, Capabilities, Inbound, Outbound, Outcome, SendError, Wire
from hub.core import log
from hub.core.bodies import read_body
from hub.core.errors import Invalid, Unavailable
from hub.core.metrics import REJECTED
from hub.core.service import Core

__all__ = ["HttpSms", "Settings"]

from hub.channels.provider_errors import handing_over
from hub.channels.reasons import Reason

logger = log.get(__name__)
MAX_BODY = 256 * 1024
_ANSWER = 64 * 1024


class HttpSms:
    """Translates between a gateway's HTTP and the hub, as the account's settings say."""

    name: ClassVar[str] = "httpsms"
    channels: ClassVar[tuple[str, ...]] = ("sms",)
    Settings: ClassVar[type[BaseModel]] = Settings

    def __init__(self, core: Core):
        self._public_url = core.public_url
        self._http: aiohttp.ClientSession | None = None

    def capabilities(self, channel: str) -> Capabilities:
        """Text."""
        return replace(capabilities_of(channel), attachments=False)

    def routes(self, accept: Accept) -> Iterable[web.RouteDef]:
        """`/hooks/httpsms/{account}/received` and `…/status`, with GET or POST, as the gateway likes."""

        async def received(request: web.Request) -> web.Response:
            account, raw, kind = await self._verified(accept, request)
            try:
                for one, its_kind in messages(account, raw, kind):
                    await self._receive(accept, account, one, its_kind)
            except Invalid as error:
                await self._quarantine(accept, account, raw, kind, error)
            except Unavailable:
                return _come_back()
            where = cast("Settings", account.settings).received
            return web.Response(text=where.reply, content_type=where.reply_type)

        async def status(request: web.Request) -> web.Response:
            account, raw, kind = await self._verified(accept, request)
            number = request.match_info.get("outbound", "")
            outbound_id = int(number) if number.isdecimal() and len(number) < 19 else None
            try:
                for report in reports(account, raw, kind, outbound_id):
                    await accept.delivery(report)
            except Invalid as error:
                logger.warning("status_report_unreadable", account=account.key, error=error.detail, size=len(raw))
            except Unavailable:
                return _come_back()
            where = cast("Settings", account.settings).reported
            return web.Response(text=where.reply if where else "", content_type=where.reply_type if where else None)

        return [
            web.route(method, path, handler)
            for method in ("GET", "POST")
            for path, handler in (
                ("/hooks/httpsms/{account}/received", received),
                ("/hooks/httpsms/{account}/status", status),
                ("/hooks/httpsms/{account}/status/{outbound}", status),
            )
        ]

    async def run(self, accept: Accept) -> None:
        """Nothing to poll; until cancelled, then the connections are closed."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()

    def translate(self, account: Account | None, raw: bytes, raw_type: str, meta: dict[str, Any]) -> Inbound:
        """A stored webhook again."""
        if account is None:
            raise Invalid("The webhook belongs to no account.")
        return to_inbound(account, raw, raw_type)

    async def send(self, account: Account, outbound: Outbound, wire: Wire) -> str:
        """Make the request; the gateway's id for it, or ours where it names none."""
        if outbound.attachments:
            raise SendError("This gateway carries no files.", outcome=Outcome.FAILED, code=Reason.NO_FILES)
        settings = cast("Settings", account.settings)
        request = self._request(account, settings, outbound)
        await wire()
        with handing_over("The gateway"):
            async with self._session().request(**request) as answer:
                body = await answer.content.read(_ANSWER)
                return _outcome(settings, answer, body) or f"{account.key}:{outbound.id}"

    def _request(self, account: Account, settings: Settings, outbound: Outbound) -> dict[str, Any]:
        known = {
            "to": outbound.to,
            "to_digits": outbound.to.lstrip("+"),
            "from": account.address or "",
            "text": outbound.text,
            "reference": str(outbound.id),
            "status_url": f"{self._public_url}/hooks/httpsms/{account.key}/status/{outbound.id}" + _key(settings),
            "user": settings.user,
            "password": settings.password.get_secret_value() if settings.password else "",
            "token": settings.token.get_secret_value() if settings.token else "",
        }
        asked = settings.send
        fields = {name: filled(value, known) for name, value in asked.fields.items()}
        request: dict[str, Any] = {
            "method": asked.method,
            "url": str(asked.url),
            "headers": {name: filled(value, known) for name, value in asked.headers.items()},
            "allow_redirects": False,
            "timeout": aiohttp.ClientTimeout(
                total=settings.timeout_seconds, connect=min(settings.timeout_seconds, 10.0)
            ),
        }
        if settings.basic_auth:
            request["headers"]["Authorization"] = aiohttp.BasicAuth(settings.user, known["password"]).encode()
        carried = {"form": "data", "json": "json", "query": "params"}[asked.format]
        request[carried] = nested(fields) if asked.format == "json" else fields
        return request

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            connector = aiohttp.TCPConnector(limit=100, keepalive_timeout=10)
            self._http = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._http

    async def _verified(self, accept: Accept, request: web.Request) -> tuple[Account, bytes, str]:
        """The account, and the webhook's body; for a GET its query. 403 unless it is proved."""
        raw = await read_body(request, MAX_BODY) if request.method == "POST" else _query(request)
        try:
            accounts = {a.key: a for a in await accept.accounts("httpsms")}
        except Unavailable:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"}) from None
        account = accounts.get(request.match_info["account"])
        if account is None or not proved(cast("Settings", account.settings), raw, request.query, request.headers):
            REJECTED.labels("httpsms", "account" if account is None else "proof").inc()
            raise web.HTTPForbidden  # the same answer for both: a stranger learns nothing
        return account, raw, FORM if request.method == "GET" else request.content_type

    async def _receive(self, accept: Accept, account: Account, raw: bytes, kind: str) -> None:
        try:
            await accept.message(to_inbound(account, raw, kind))
        except Invalid as error:
            await self._quarantine(accept, account, raw, kind, error)

    async def _quarantine(self, accept: Accept, account: Account, raw: bytes, kind: str, error: Invalid) -> None:
        await accept.quarantine(
            connector=self.name,
            account_id=account.id,
            dedup_key=f"sha256:{hashlib.sha256(raw).hexdigest()}",
            raw=raw,
            raw_type=kind,
            reason=error.detail,
        )


def _query(request: web.Request) -> bytes:
    """The query as it came, without our secret: it is stored."""
    return "&".join(p for p in request.rel_url.raw_query_string.split("&") if not p.startswith("key=")).encode()


def _key(settings: Settings) -> str:
    return f"?key={settings.hook_secret.get_secret_value()}" if settings.hook_proof == "key" else ""


def _come_back() -> web.Response:
    return web.Response(status=503, headers={"Retry-After": "5"})


def _outcome(settings: Settings, answer: aiohttp.ClientResponse, body: bytes) -> str:
    """The gateway's id; `SendError` with what its answer means."""
    means = settings.answer
    data = document(body, answer.content_type)
    words = text_at(data, means.error_path) or body.decode("utf-8", "replace").strip()[:300]
    if answer.status in means.retry_statuses:
        wait = answer.headers.get("Retry-After", "")
        after = min(float(wait), 3600.0) if wait.isdecimal() and len(wait) < 6 else None
        raise SendError(
            f"The gateway asks us to wait ({answer.status}).",
            outcome=Outcome.RETRY,
            retry_after=after,
            code=Reason.PROVIDER_SLOW_DOWN,
            account_wide=True,
        )
    if answer.status >= 500 or answer.status < 200:
        raise SendError(
            f"The gateway failed after the message was handed over ({answer.status}).",
            outcome=Outcome.UNKNOWN,
            code=Reason.PROVIDER_FAILED,
            params={"status": answer.status},
            account_wide=True,
        )
    if answer.status >= 300:
        detail, reason = f"The gateway refused the message ({answer.status}): {words}", f"{answer.status} {words}"
        raise SendError(detail, outcome=Outcome.FAILED, code=Reason.PROVIDER_REFUSED, params={"reason": reason})
    if means.ok_path is not None:
        said = text_at(data, means.ok_path)
        if said in means.retry_values:
            detail = f"The gateway does not take it now: {words}"
            raise SendError(detail, outcome=Outcome.RETRY, code=Reason.PROVIDER_NOT_NOW, params={"reason": words})
        if said not in means.ok_values:
            detail = f"The gateway refused the message: {words}"
            raise SendError(detail, outcome=Outcome.FAILED, code=Reason.PROVIDER_REFUSED, params={"reason": words})
    return text_at(data, means.id_path)
