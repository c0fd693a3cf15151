"""Mailboxes opened without a password: OAuth 2 tokens, renewed, shared, refused."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from connectors.email.oauth import ConsentEnded, Tokens
from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault
from tests.integration.connectors.dovecot import Dovecot, running
from tests.integration.connectors.harness import Hub
from tests.integration.connectors.test_imap import mail, until


class Provider:
    """A token endpoint and its introspection, as a provider runs them."""

    def __init__(self) -> None:
        self.valid: set[str] = set()
        self.refresh = "refresh-1"
        self.asked: list[dict[str, str]] = []
        self.rotates = False
        self.error: tuple[int, dict[str, str]] | None = None
        self.seconds = 3600

    async def token(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.asked.append(form)
        await asyncio.sleep(0.05)
        if self.error is not None:
            return web.json_response(self.error[1], status=self.error[0])
        if form["refresh_token"] != self.refresh:
            return web.json_response({"error": "invalid_grant", "error_description": "expired or revoked"}, status=400)
        access = f"access-{len(self.asked)}"
        self.valid.add(access)
        answer: dict[str, Any] = {"access_token": access, "expires_in": self.seconds, "token_type": "Bearer"}
        if self.rotates:
            self.refresh = answer["refresh_token"] = f"refresh-{len(self.asked) + 1}"
        return web.json_response(answer)

    async def introspect(self, request: web.Request) -> web.Response:
        token = (await request.post()).get("token") or request.query.get("token", "")
        return web.json_response({"active": token in self.valid, "username": "oscar"})


@pytest.fixture
async def provider() -> AsyncGenerator[tuple[Provider, str]]:
    made = Provider()
    app = web.Application()
    app.add_routes([web.post("/token", made.token), web.post("/introspect", made.introspect)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield made, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def tokened(
    db: Database, feed: Feed, vault: Vault, provider: tuple[Provider, str]
) -> AsyncGenerator[tuple[Hub, Provider, Dovecot]]:
    made, url = provider
    with tempfile.TemporaryDirectory() as folder:
        stack = AsyncExitStack()
        server = await asyncio.to_thread(
            lambda: stack.enter_context(running(Path(folder), introspection=f"{url}/introspect"))
        )
        settings: dict[str, Any] = {
            "imap": {"host": "127.0.0.1", "port": server.port, "tls": "none", "user": "oscar", "first_run": "all"},
            "oauth": {"provider": "other", "client_id": "hub", "token_url": f"{url}/token", "scope": "mail"},
            "oauth_client_secret": "s3cret", "oauth_refresh_token": "refresh-1",
        }  # fmt: skip
        async with stack, Hub(db, feed, vault, email_settings=settings) as hub:
            yield hub, made, server


async def test_mailbox_is_fetched_with_a_token_and_a_new_one_when_that_is_refused(
    tokened: tuple[Hub, Provider, Dovecot],
) -> None:
    hub, made, server = tokened
    await asyncio.to_thread(server.append, "oscar", mail(1))
    assert await until(hub, 1) == ["Hello 1"]
    assert made.asked[0] == {
        "grant_type": "refresh_token", "client_id": "hub", "refresh_token": "refresh-1", "client_secret": "s3cret", "scope": "mail",
    }  # fmt: skip
    made.valid.clear()  # the provider withdraws the token before its time
    await asyncio.to_thread(server.admin, "kick", "oscar")
    await asyncio.to_thread(server.admin, "auth", "cache", "flush")
    await asyncio.to_thread(server.append, "oscar", mail(2))
    assert sorted(await until(hub, 2)) == ["Hello 1", "Hello 2"]
    assert len(made.asked) == 2
    stored = bytes(await hub.db.value("select secrets from oauth_token"))
    assert b"access-" not in stored
    assert b"refresh-" not in stored


async def test_many_processes_ask_the_provider_once(tokened: tuple[Hub, Provider, Dovecot]) -> None:
    hub, made, _ = tokened
    account = await hub.of("mail")
    found = await asyncio.gather(*[Tokens(hub.core).access(account) for _ in range(8)])
    assert len(set(found)) == 1
    assert len(made.asked) == 1


async def test_refresh_token_that_the_provider_changes_is_the_one_used_next(
    tokened: tuple[Hub, Provider, Dovecot],
) -> None:
    hub, made, _ = tokened
    made.rotates = True
    account = await hub.of("mail")
    tokens = Tokens(hub.core)
    first = await tokens.access(account)
    for _ in range(3):
        first = await tokens.access(account, stale=first)
    assert [form["refresh_token"] for form in made.asked][-3:] == [
        f"refresh-{n}" for n in range(len(made.asked) - 2, len(made.asked) + 1)
    ]


async def test_permission_withdrawn_is_said_in_the_providers_words(tokened: tuple[Hub, Provider, Dovecot]) -> None:
    hub, made, _ = tokened
    made.refresh = "another"
    account = await hub.of("mail")
    with pytest.raises(ConsentEnded, match="expired or revoked"):
        await Tokens(hub.core).access(account, stale="x")


async def test_sending_signs_in_with_the_same_token(hub: Hub, provider: tuple[Provider, str], monkeypatch: Any) -> None:
    from aiosmtpd.smtp import AuthResult

    from tests.integration.connectors.test_sending import ANN, Crossing, outbound

    made, url = provider
    seen: list[str] = []

    async def auth_XOAUTH2(  # noqa: N802 - aiosmtpd finds its hooks by name
        self: Any, server: Any, args: list[str]
    ) -> AuthResult:
        import base64

        seen.append(base64.b64decode(args[1]).decode())
        token = seen[-1].split("Bearer ")[1].split("\1")[0]
        if token not in made.valid:
            await server.push("535 5.7.8 token refused")
            return AuthResult(success=False, handled=True)
        return AuthResult(success=True)

    monkeypatch.setattr(type(hub.catcher), "auth_XOAUTH2", auth_XOAUTH2, raising=False)
    real = type(hub.catcher)._protocol

    def open_door(self: Any) -> Any:
        protocol = real(self)
        protocol._auth_require_tls = False
        protocol._auth_methods["XOAUTH2"] = type(next(iter(protocol._auth_methods.values())))(
            lambda *a: auth_XOAUTH2(self, *a), True
        )
        return protocol

    monkeypatch.setattr(type(hub.catcher), "_protocol", open_door)
    await hub.catcher.stop()
    await hub.catcher.start()
    settings: dict[str, Any] = {
        "smtp": {"host": hub.catcher.host, "port": hub.catcher.port, "tls": "none", "user": "oscar"},
        "oauth": {"provider": "other", "client_id": "hub", "token_url": f"{url}/token"}, "oauth_refresh_token": "refresh-1",
    }  # fmt: skip
    account_id = await hub.account("tokened", "email", "email", "oscar@hub.example", **settings)
    hub.accounts._read_at = -9e9
    account = await hub.of("tokened")
    assert account.id == account_id
    await hub.email.send(account, outbound(hub), Crossing())
    assert (await hub.catcher.wait_for(ANN)).rcpt_to == (ANN,)
    assert seen == ["user=oscar\1auth=Bearer access-1\1\1"]
    await hub.email.close()
    made.valid.clear()
    await hub.email.send(account, outbound(hub), Crossing())
    assert seen[-1] == "user=oscar\1auth=Bearer access-2\1\1"
