"""Access tokens for mailboxes without a password: fetched with the refresh token, kept sealed, shared by all processes.

One process at a time asks the provider, behind the row's lock; the others find what it got. A provider may hand out a
new refresh token (Microsoft does each time): that one is kept, and counts until somebody configures another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import orjson

from connectors.email.settings import OAuth, Settings
from hub.channels.model import Account
from hub.core import log
from hub.core.clock import now
from hub.core.db import Connection, execute, fetch_one
from hub.core.errors import ConfigError, Invalid, Unavailable
from hub.core.service import Core
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__, "oauth.sql")
_TIMEOUT = aiohttp.ClientTimeout(total=15)
_EARLY = timedelta(seconds=60)  # a token about to end may end on the way
_ENDPOINTS = {
    "google": ("https://oauth2.googleapis.com/token", "https://mail.google.com/"),
    "microsoft": (
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access",
    ),
}


class ConsentEnded(Invalid):
    """The provider does not accept our permission any more."""


@dataclass(frozen=True, slots=True)
class _Kept:
    origin: str
    secrets: bytes
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Tokens:
    access: str
    refresh: str
    expires_at: datetime


class Tokens:
    """The access tokens of the accounts that use OAuth 2."""

    def __init__(self, core: Core):
        self._core = core

    async def access(self, account: Account, *, stale: str | None = None) -> str:
        """A token that is valid now, and not `stale`, which somebody refused.

        `ConsentEnded` when a person must connect the mailbox again; `Unavailable` when the provider does not answer.
        """
        settings: Settings = account.settings
        assert settings.oauth is not None  # noqa: S101 - only such accounts are asked about
        assert settings.oauth_refresh_token is not None  # noqa: S101 - the model sees to it
        configured = settings.oauth_refresh_token.get_secret_value()
        if account.id == 0:  # only thought of, to be tried: nothing is kept of it
            return (await _refreshed(settings, configured)).access
        origin = hashlib.sha256(configured.encode()).hexdigest()
        async with self._core.db.transaction() as conn:
            await execute(conn, sql["hold"], {"id": account.id})
            kept = await fetch_one(conn, _Kept, sql["kept"], {"id": account.id})
            known = self._opened(account, kept) if kept is not None and kept.origin == origin else None
            if known is not None and known.access != stale and known.expires_at > now() + _EARLY:
                return known.access
            fresh = await _refreshed(settings, known.refresh if known else configured)
            await self._store(conn, account, origin, fresh)
        logger.info("oauth_refreshed", account=account.key)
        return fresh.access

    def _opened(self, account: Account, kept: _Kept) -> _Tokens | None:
        try:
            held: dict[str, str] = orjson.loads(self._core.vault.decrypt(_place(account), kept.secrets))
        except ConfigError:
            return None  # sealed with another key: the configured token is what is left
        return _Tokens(held["access"], held["refresh"], kept.expires_at)

    async def _store(self, conn: Connection, account: Account, origin: str, fresh: _Tokens) -> None:
        sealed = self._core.vault.encrypt(
            _place(account), orjson.dumps({"access": fresh.access, "refresh": fresh.refresh})
        )
        values = {"id": account.id, "origin": origin, "secrets": sealed, "expires_at": fresh.expires_at}
        await execute(conn, sql["keep"], values)


def _place(account: Account) -> str:
    return f"oauth_token.secrets:{account.id}"


def _endpoint(oauth: OAuth) -> tuple[str, str | None]:
    url, scope = _ENDPOINTS.get(oauth.provider, (oauth.token_url or "", None))
    return oauth.token_url or url.format(tenant=oauth.tenant), oauth.scope or scope


async def _refreshed(settings: Settings, refresh: str) -> _Tokens:
    assert settings.oauth is not None  # noqa: S101 - see `access`
    url, scope = _endpoint(settings.oauth)
    form = {"grant_type": "refresh_token", "client_id": settings.oauth.client_id, "refresh_token": refresh}
    if settings.oauth_client_secret is not None:
        form["client_secret"] = settings.oauth_client_secret.get_secret_value()
    if scope:
        form["scope"] = scope
    status, answer = await _post(url, form)
    access = answer.get("access_token")
    if status == 200 and isinstance(access, str) and access.isascii():
        seconds = min(max(float(answer.get("expires_in") or 3600), 0), 86_400)
        return _Tokens(access, str(answer.get("refresh_token") or refresh), now() + timedelta(seconds=seconds))
    words = str(answer.get("error_description") or answer.get("error") or f"status {status}")[:300]
    if status in (400, 401) and answer.get("error") in ("invalid_grant", "invalid_client", "unauthorized_client"):
        raise ConsentEnded(f"The provider refuses our permission: {words}", remedy="Connect the mailbox again.")
    raise Unavailable(f"The provider gives no access token: {words}")


async def _post(url: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as http,
            http.post(url, data=form, allow_redirects=False) as answer,
        ):
            body = await answer.content.read(65_536)
            found: Any = orjson.loads(body) if body else {}
            return answer.status, dict(found) if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownArgumentType] - any JSON
    except (TimeoutError, aiohttp.ClientError, OSError, orjson.JSONDecodeError) as error:
        raise Unavailable(f"The provider's sign-in cannot be reached: {error or type(error).__name__}") from error
