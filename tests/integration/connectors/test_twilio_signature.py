"""Who is believed: the whole table of addresses and fields that Twilio's signature does and does not cover."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from connectors.twilio.hooks import Hooks
from connectors.twilio.settings import Settings
from hub.channels.model import Accept, Accepted, Account, Delivery, Inbound
from hub.channels.registry import load_connectors
from hub.core import health
from hub.core.errors import ConfigError
from hub.core.service import Core
from hub.demo.twilio.messages import signature
from hub.demo.wire import Site
from hub.provisioning.apply import apply
from hub.provisioning.model import read
from tests.integration.connectors.harness import SID, TOKEN, Hub
from tests.integration.provisioning.test_center import SMALL

PUBLIC = "https://hub.example"
OLD = "the-token-of-last-year"
Form = dict[str, str]
Change = Callable[[str, Form], tuple[str, Form]]
MESSAGE = {
    "MessageSid": "SM" + "1" * 32, "AccountSid": SID, "From": "+14155550101", "To": "+15550100100", "NumMedia": "0",
    "Body": " 你好 & + = %2B \n", "FromCity": "", "MessageStatus": "delivered",
}  # fmt: skip


class Taking:
    """An `Accept` that takes everything."""

    def __init__(self, previous: str = ""):
        self.taken: list[Any] = []
        settings = Settings.model_validate(
            {"account_sid": SID, "auth_token": TOKEN, "previous_auth_token": previous, "api_base": "http://127.0.0.1:9"}
        )
        self._accounts = [
            Account(n, key, "twilio", key, key, "+15550100100", settings, None, None, True)
            for n, key in enumerate(("sms", "whatsapp"))
        ]

    async def message(self, inbound: Inbound) -> Accepted:
        self.taken.append(inbound)
        return Accepted(duplicate=False, raw_id=1)

    async def delivery(self, delivery: Delivery) -> None:
        self.taken.append(delivery)

    async def accounts(self, connector: str) -> list[Account]:
        return self._accounts


@asynccontextmanager
async def listening(prefix: str = "", previous: str = "") -> AsyncGenerator[tuple[str, Taking]]:
    """The webhooks behind a proxy that ends TLS and strips the path's prefix."""
    taking = Taking(previous)
    app = web.Application()
    app.add_routes(Hooks(cast("Accept", taking), PUBLIC + prefix).routes())
    site = Site(app, "127.0.0.1", 0)
    await site.start()
    try:
        yield site.url, taking
    finally:
        await site.stop()


async def post(inside: str, path: str, form: Form, headers: dict[str, str]) -> int:
    target = URL(inside + path, encoded=True)
    async with aiohttp.ClientSession() as http, http.post(target, data=form, headers=headers) as answer:
        return answer.status


PATHS = {
    "sms": "/hooks/twilio/sms/sms?note=a%20b&turn=1",
    "whatsapp": "/hooks/twilio/whatsapp/whatsapp?note=a%20b&turn=1",
    "status": "/hooks/twilio/sms/status/7?note=a%20b&turn=1",
}
TABLE: list[tuple[str, bool, Change]] = [
    ("as sent", True, lambda url, form: (url, form)),
    ("the port written", True, lambda url, form: (url.replace("hub.example", "hub.example:443"), form)),
    ("another port written", False, lambda url, form: (url.replace("hub.example", "hub.example:8443"), form)),
    ("http", False, lambda url, form: (url.replace("https:", "http:"), form)),
    ("another host", False, lambda url, form: (url.replace("hub.example", "evil.example"), form)),
    ("no query", False, lambda url, form: (url.split("?", maxsplit=1)[0], form)),
    ("half a query", False, lambda url, form: (url.split("&", maxsplit=1)[0], form)),
    ("a slash more", False, lambda url, form: (url.replace("?", "/?"), form)),
    ("a query re-encoded", False, lambda url, form: (url.replace("%20", "+"), form)),
    ("a fragment", False, lambda url, form: (url + "#rc=2", form)),
    ("blank fields dropped", False, lambda url, form: (url, {k: v for k, v in form.items() if v})),
    ("whitespace trimmed", False, lambda url, form: (url, {k: v.strip() for k, v in form.items()})),
    ("a field more", False, lambda url, form: (url, {**form, "More": "1"})),
    ("another value", False, lambda url, form: (url, {**form, "From": "+14155550102"})),
    ("the path without its prefix", False, lambda url, form: (url.replace("/center", "") + "&", form)),
]


@pytest.mark.parametrize("prefix", ["", "/center", "/a/b%20c"])
@pytest.mark.parametrize("hook", PATHS)
async def test_webhook_is_believed_only_when_signed_for_exactly_this(prefix: str, hook: str) -> None:
    path, form = PATHS[hook], dict(MESSAGE)
    if hook == "whatsapp":
        form |= {"From": "whatsapp:+14155550101", "To": "whatsapp:+15550100100"}
    async with listening(prefix) as (inside, taking):
        for case, good, change in TABLE:
            url, signed = change(PUBLIC + prefix + path, form)
            before = len(taking.taken)
            status = await post(inside, path, form, {"X-Twilio-Signature": signature(TOKEN, url, signed)})
            assert (status < 300, status in {200, 204, 403}) == (good, True), case
            assert len(taking.taken) == before + good, case


async def test_headers_of_a_proxy_change_nothing() -> None:
    path = PATHS["sms"]
    lies = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Forwarded": "host=evil.example"}  # fmt: skip
    async with listening() as (inside, _):
        good = signature(TOKEN, PUBLIC + path, MESSAGE)
        assert await post(inside, path, MESSAGE, {**lies, "X-Twilio-Signature": good}) == 200
        for host in ("http://evil.example", "https://evil.example", inside):
            bad = signature(TOKEN, host + path, MESSAGE)
            assert await post(inside, path, MESSAGE, {**lies, "X-Twilio-Signature": bad}) == 403


async def test_both_secrets_are_believed_while_a_rotation_is_under_way() -> None:
    path = PATHS["sms"]
    async with listening(previous=OLD) as (inside, _):
        for token, status in ((TOKEN, 200), (OLD, 200), (OLD + "x", 403), ("", 403)):
            headers = {"X-Twilio-Signature": signature(token, PUBLIC + path, MESSAGE)}
            assert await post(inside, path, MESSAGE, headers) == status
    async with listening() as (inside, _):
        assert await post(inside, path, MESSAGE, {"X-Twilio-Signature": signature(OLD, PUBLIC + path, MESSAGE)}) == 403


@pytest.mark.parametrize("header", [{}, {"X-Twilio-Signature": ""}, {"X-Twilio-Signature": "x" * 5000}])
async def test_webhook_without_a_signature_is_refused_and_never_an_error(header: dict[str, str]) -> None:
    async with listening() as (inside, taking):
        assert await post(inside, PATHS["sms"], MESSAGE, header) == 403
        assert taking.taken == []


async def test_signature_of_a_shared_key_is_believed_with_its_own_algorithm() -> None:
    path = PATHS["sms"]
    text = PUBLIC + path + "".join(name + MESSAGE[name] for name in sorted(MESSAGE))
    made = base64.b64encode(hmac.digest(TOKEN.encode(), text.encode(), hashlib.sha256)).decode()
    named = {"X-Twilio-Webhooks-Signature-Settings": "key=KX1,algorithm=HMAC_SHA256"}
    async with listening() as (inside, _):
        assert await post(inside, path, MESSAGE, {"X-Twilio-Signature": made, **named}) == 200
        assert await post(inside, path, MESSAGE, {"X-Twilio-Signature": made}) == 403
        weaker = {"X-Twilio-Webhooks-Signature-Settings": "key=KX1,algorithm=NONE"}
        assert await post(inside, path, MESSAGE, {"X-Twilio-Signature": made, **weaker}) == 403


@pytest.mark.parametrize("token", [', auth_token = ""', ', auth_token = "short"', "", ', auth_token = "${SMS_TOKEN}"'])
async def test_number_without_a_token_is_not_taken_on(core: Core, tmp_path: Path, token: str) -> None:
    file = tmp_path / "center.toml"
    file.write_text(SMALL.replace(', auth_token = "${SMS_TOKEN}"', token), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"account.*settings\.auth_token") as refused:
        await apply(core.db, core.vault, load_connectors(core), read(file, {"SMS_TOKEN": ""}))
    assert refused.value.remedy
    assert "short" not in str(refused.value.detail)  # what was given is not repeated: it may be half a secret
    assert await core.db.value("select count(*) from account") == 0


async def test_number_whose_secret_is_lost_is_out_of_service_and_not_open_to_all(hub: Hub) -> None:
    await hub.db.execute("update account set secrets = null where key = 'sms'")
    hub.forget_accounts()
    form = {**MESSAGE, "MessageSid": "SM" + "2" * 32}
    url = f"{hub.url}/hooks/twilio/sms/sms"
    for token in ("", TOKEN):
        async with hub.http.post(url, data=form, headers={"X-Twilio-Signature": signature(token, url, form)}) as answer:
            assert answer.status == 404
    assert await hub.texts("sms") == []
    [row] = [f async for f in health.servers(hub.db, hub.feed) if f.what == "Account sms"]
    assert (row.ok, row.detail) == (False, "auth_token: is needed")
