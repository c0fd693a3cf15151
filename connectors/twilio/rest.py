# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The Twilio SDK ships no types; this is the only module that calls its client.
"""Twilio's REST API through its own SDK, with one pooled session, our own time-outs and no retries of the SDK's.

The SDK's async client ignores its `timeout` and its `max_retries` posts a message again after a 5xx, which may send
it twice. So each request goes out exactly once, and what its failure means is decided here.
"""

from __future__ import annotations

import base64
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from twilio.base.exceptions import TwilioException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from connectors.twilio.errors import OPTED_OUT, REFUSED_FOR_NOW, explain, reason
from connectors.twilio.settings import Settings
from hub.channels.model import Outcome, SendError
from hub.channels.provider_errors import handing_over
from hub.channels.reasons import Reason
from hub.core.clock import now

_AUTHENTICATION = frozenset({401, 403})


class ThrottledError(Exception):
    """Twilio answers 429."""

    def __init__(self, retry_after: float | None):
        super().__init__("429")
        self.retry_after = retry_after


class PooledClient(AsyncTwilioHttpClient):
    """Sends the SDK's requests to `base` over one session, each exactly once."""

    def __init__(self, base: str, timeout: float):
        super().__init__(pool_connections=False)
        self._base = base.rstrip("/")
        # Twilio has a host for each domain (content.twilio.com); a stand-in has one for all.
        self._twilio = (urlsplit(base).hostname or "").endswith(".twilio.com")
        # Twilio drops idle connections; a POST on a dead one has an unknown outcome, so ours are given up early.
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout, connect=min(timeout, 10.0)),
            connector=aiohttp.TCPConnector(limit=100, keepalive_timeout=10),
        )

    async def request(  # noqa: PLR0913 - the SDK's own signature
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """One request; raises `ThrottledError` on 429 and aiohttp's errors as they are."""
        parts = urlsplit(url)
        base = f"https://{parts.netloc}" if self._twilio else self._base
        target = base + parts.path + (f"?{parts.query}" if parts.query else "")
        sent = {**(headers or {})}
        if auth is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        body = urlencode(data or {}, doseq=True).encode() if data is not None else None
        async with self._http.request(
            method.upper(), target, params=_plain(params), data=body, headers=sent, allow_redirects=allow_redirects
        ) as answer:
            text = await answer.text()
            if answer.status == 429:
                raise ThrottledError(retry_after(answer.headers.get("Retry-After")))
            return Response(answer.status, text, answer.headers)

    async def close(self) -> None:
        """Close the session."""
        await self._http.close()


def _plain(params: dict[str, object] | None) -> dict[str, str] | None:
    return {k: str(v) for k, v in params.items() if v is not None} if params else None


def retry_after(header: str | None) -> float | None:
    """RFC 9110 §10.2.3: seconds, or a date; at most an hour."""
    if not header:
        return None
    if header.strip().isdigit():
        return min(float(header.strip()[:6]), 3600.0)
    try:
        seconds = (parsedate_to_datetime(header) - now()).total_seconds()
    except (ValueError, TypeError):
        return None
    return max(0.0, min(seconds, 3600.0))


class Rest:
    """One SDK client per Twilio account, all on pooled sessions of this process's loop."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str, str, str], tuple[Client, PooledClient]] = {}

    def client(self, settings: Settings) -> Client:
        """The client for these credentials, made at first use."""
        user, password = settings.credentials()
        key = (user, password, str(settings.api_base))
        if key not in self._clients:
            http = PooledClient(str(settings.api_base), settings.timeout_seconds)
            self._clients[key] = (Client(user, password, settings.account_sid, http_client=http), http)
        return self._clients[key][0]

    async def create(self, settings: Settings, **fields: Any) -> str:
        """Post one message; its SID, or `SendError` with what that means."""
        try:
            with handing_over("Twilio"):
                message = await self.client(settings).messages.create_async(**fields)
        except ThrottledError as error:
            raise SendError(
                "Twilio asks us to slow down (429).",
                outcome=Outcome.RETRY,
                retry_after=error.retry_after,
                code=Reason.PROVIDER_SLOW_DOWN,
                account_wide=True,
            ) from None
        except TwilioException as error:
            raise refusal(error) from error
        if not message.sid:
            words = "Twilio accepted the message without naming it."
            raise SendError(words, outcome=Outcome.UNKNOWN, code=Reason.PROVIDER_UNNAMED)
        return str(message.sid)

    async def close(self) -> None:
        """Close every session."""
        for _, http in self._clients.values():
            await http.close()
        self._clients.clear()


def refusal(error: TwilioException) -> SendError:
    """What an error answer of Twilio's means for the next try."""
    status = int(getattr(error, "status", 0) or 0)
    code = getattr(error, "code", None)
    words = str(getattr(error, "msg", "") or getattr(error, "detail", "") or getattr(error, "title", "") or error)
    detail = explain(code, words) or f"Twilio answers {status}: {words}"
    if status >= 500 or status == 0 or status < 400:
        return SendError(
            f"Twilio failed after the message was handed over ({status}).",
            outcome=Outcome.UNKNOWN,
            code=Reason.PROVIDER_FAILED,
            params={"status": status},
            account_wide=status >= 500,
        )
    why, params = reason(code, words)
    if code in REFUSED_FOR_NOW:
        return SendError(detail, outcome=Outcome.RETRY, code=why, params=params)
    if status in _AUTHENTICATION:
        return SendError(
            f"Twilio refuses our credentials. {detail}",
            outcome=Outcome.RETRY,
            retry_after=300,
            code=Reason.PROVIDER_SIGN_IN,
            params={"reason": detail},
            account_wide=True,
        )
    return SendError(detail, outcome=Outcome.FAILED, opted_out=code == OPTED_OUT, code=why, params=params)
