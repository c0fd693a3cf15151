"""Who may knock: Twilio alone, signed for exactly this address and exactly our account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

from aiohttp import web

from connectors.twilio.settings import Settings
from connectors.twilio.webhook import Form, parse_form, signed
from hub.channels.model import Account
from hub.core.bodies import read_body
from hub.core.errors import Unavailable
from hub.core.metrics import REJECTED
from hub.core.urls import below, prefix_of

MAX_BODY = 256 * 1024  # a webhook is a few kilobytes


class Accounts(Protocol):
    """The one thing a guard asks the hub."""

    async def accounts(self, connector: str) -> list[Account]:
        """The enabled accounts of a connector."""
        ...


@dataclass(frozen=True, slots=True)
class Verified:
    """A request that Twilio made, for this account."""

    account: Account
    raw: bytes
    form: Form


class Guard:
    """Verifies requests for accounts of one channel.

    The signature is checked against the configured public URL and never against the Host header, which anybody can
    set; behind a proxy with a path prefix that URL holds the prefix, whether the request's own path does or not.
    """

    def __init__(self, accounts: Accounts, public_url: str, channel: str):
        self._accounts = accounts
        self._public_url = public_url
        self._channel = channel
        self._listed: list[Account] = []
        self._by_key: dict[str, Account] = {}

    async def verified(self, request: web.Request) -> Verified:
        """The account, the body and its fields; 403 unless Twilio signed exactly this."""
        account = await self._account(request.match_info["account"])
        if account is None:
            raise refused(web.HTTPNotFound, "account")
        if not request.headers.get("X-Twilio-Signature"):  # of strangers nothing is read
            raise refused(web.HTTPForbidden, "signature")
        raw = await _read(request)
        try:
            form = parse_form(raw)
        except ValueError:
            raise refused(web.HTTPBadRequest, "fields") from None
        settings = cast("Settings", account.settings)
        if not signed(
            settings.tokens(),
            self._public_url + below(prefix_of(self._public_url), request.raw_path),
            form,
            request.headers.get("X-Twilio-Signature"),
            request.headers.get("X-Twilio-Webhooks-Signature-Settings"),
        ):
            raise refused(web.HTTPForbidden, "signature")
        if form.get("AccountSid") != settings.account_sid:
            raise refused(web.HTTPForbidden, "account_sid")
        return Verified(account, raw, form)

    async def _account(self, key: str) -> Account | None:
        try:
            found = await self._accounts.accounts("twilio")
        except Unavailable:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"}) from None
        if found is not self._listed:  # the list stays the same one until accounts are read again
            self._listed, self._by_key = found, {a.key: a for a in found if a.channel == self._channel}
        return self._by_key.get(key)


async def _read(request: web.Request) -> bytes:
    try:
        return await read_body(request, MAX_BODY)
    except web.HTTPRequestEntityTooLarge:
        REJECTED.labels("twilio", "size").inc()
        raise


def refused(kind: type[web.HTTPException], reason: str) -> web.HTTPException:
    """A refusal, counted by reason."""
    REJECTED.labels("twilio", reason).inc()
    return kind()
