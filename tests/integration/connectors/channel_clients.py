"""How a customer reaches the hub on each channel, behind one small face: the rows of the contract test."""

from __future__ import annotations

import asyncio
import hmac
import uuid
from typing import Any, Protocol
from urllib.parse import urlencode

import aiohttp
import orjson
import pytest

from connectors.chat.protocol import MAX_FRAME
from hub.demo import ChatVisitor, Refused, deliver
from hub.demo.twilio.messages import Message, signature
from tests.integration.connectors.harness import MAILBOX, NUMBER, SID, SITE, TOKEN, Hub


class Wire(Protocol):
    channel: str
    connector: str

    async def open(self) -> None: ...
    async def close(self) -> None: ...

    async def say(self, key: str, text: str) -> bool:
        """One message under the sender's own key; whether the wire acknowledged it."""
        ...

    async def malformed(self) -> str:
        """Something that is no message: `quarantined` or `refused`, as the wire was told."""
        ...

    async def huge(self) -> bool:
        """More than may be: whether it was refused in so many words."""
        ...

    async def forged(self) -> list[str]:
        """Everything that pretends: the names of the attempts that were not refused."""
        ...


class Mail:
    channel, connector = "email", "email"

    def __init__(self, hub: Hub):
        self.hub = hub

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def _send(self, raw: bytes, to: str = MAILBOX) -> bool:
        try:
            answers = await deliver("127.0.0.1", self.hub.smtp_port, "ann@customer.example", [to], raw)
        except Refused:
            return False
        return answers[to].code == 250

    async def say(self, key: str, text: str) -> bool:
        head = (
            f"From: Ann <ann@customer.example>\nTo: {MAILBOX}\nMessage-ID: <{key}@customer.example>\nSubject: {key}\n"
        )
        received = f"Received: from somewhere by server; {uuid.uuid4()}\n"  # no two deliveries of a mail are alike
        return await self._send(f"{received}{head}\n{text}\n".encode())

    async def malformed(self) -> str:
        return "quarantined" if await self._send(b"\n\n") else "refused"

    async def huge(self) -> bool:
        return not await self._send(b"From: a@customer.example\n\n" + b"x" * 3_000_000)

    async def forged(self) -> list[str]:
        return (
            ["stranger's mailbox"] if await self._send(b"From: a@customer.example\n\nx", to="other@hub.example") else []
        )


class Sms:
    channel, connector = "sms", "twilio"

    def __init__(self, hub: Hub):
        self.hub = hub
        self.path = "/hooks/twilio/sms/sms"

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def _post(self, form: dict[str, str], signed: str | None) -> int:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if signed is not None:
            headers["X-Twilio-Signature"] = signed
        async with self.hub.http.post(
            self.hub.url + self.path, data=urlencode(form).encode(), headers=headers
        ) as answer:
            return answer.status

    def _form(self, key: str, text: str) -> dict[str, str]:
        sid = "SM" + uuid.uuid5(uuid.NAMESPACE_URL, key).hex
        return Message(SID, "+14155550101", NUMBER, text, "inbound", "received", sid=sid).webhook_form()

    def _sign(self, form: dict[str, str], token: str = TOKEN) -> str:
        return signature(token, self.hub.url + self.path, form)

    async def say(self, key: str, text: str) -> bool:
        form = self._form(key, text)
        return await self._post(form, self._sign(form)) == 200

    async def malformed(self) -> str:
        form = {"AccountSid": SID, "Body": "from nobody"}
        return "quarantined" if await self._post(form, self._sign(form)) == 200 else "refused"

    async def huge(self) -> bool:
        form = self._form("huge", "x" * 300_000)
        return await self._post(form, self._sign(form)) == 413

    async def forged(self) -> list[str]:
        form = self._form("forged", "let me in")
        other = {**form, "AccountSid": "AC" + "f" * 32}
        attempts = {
            "no signature": await self._post(form, None),
            "empty signature": await self._post(form, ""),
            "empty token": await self._post(form, self._sign(form, "")),
            "wrong token": await self._post(form, self._sign(form, "another-token-entirely")),
            "changed text": await self._post({**form, "Body": "changed"}, self._sign(form)),
            "added field": await self._post({**form, "Extra": ""}, self._sign(form)),
            "other account": await self._post(other, self._sign(other)),
            "odd bytes": await self._post(form, "é"),
        }
        return [name for name, status in attempts.items() if status != 403]


class Gateway:
    """An SMS gateway that the hub knows by configuration alone."""

    channel, connector = "sms", "httpsms"
    secret = "a-secret-of-sixteen-and-more"

    def __init__(self, hub: Hub):
        self.hub = hub
        self.path = "/hooks/httpsms/gateway/received"

    async def open(self) -> None:
        send = {"url": "http://127.0.0.1:1/send", "fields": {"to": "{to}", "text": "{text}"}}
        received = {"id": "message.id", "sender": "message.from", "text": "message.text"}
        await self.hub.account(
            "gateway",
            "httpsms",
            "sms",
            "+15550100300",
            send=send,
            received=received,
            hook_secret=self.secret,
            hook_proof="hmac",
        )
        self.hub.forget_accounts()

    async def close(self) -> None: ...

    async def _post(self, body: bytes, signed: str | None, path: str | None = None) -> int:
        headers = {"Content-Type": "application/json"} | ({} if signed is None else {"X-Signature": signed})
        async with self.hub.http.post(self.hub.url + (path or self.path), data=body, headers=headers) as answer:
            return answer.status

    def _sign(self, body: bytes, secret: str | None = None) -> str:
        return hmac.digest((self.secret if secret is None else secret).encode(), body, "sha256").hex()

    @staticmethod
    def _body(key: str, text: str) -> bytes:
        return orjson.dumps({"message": {"id": key, "from": "+14155550101", "text": text}})

    async def say(self, key: str, text: str) -> bool:
        body = self._body(key, text)
        return await self._post(body, self._sign(body)) == 200

    async def malformed(self) -> str:
        body = b'{"message": {"text": "from nobody"}}'
        return "quarantined" if await self._post(body, self._sign(body)) == 200 else "refused"

    async def huge(self) -> bool:
        body = self._body("huge", "x" * 300_000)
        return await self._post(body, self._sign(body)) == 413

    async def forged(self) -> list[str]:
        body = self._body("forged", "let me in")
        attempts = {
            "no signature": await self._post(body, None),
            "empty signature": await self._post(body, ""),
            "empty secret": await self._post(body, self._sign(body, "")),
            "wrong secret": await self._post(body, self._sign(body, "another-secret-entirely")),
            "changed text": await self._post(self._body("forged", "changed"), self._sign(body)),
            "unknown account": await self._post(body, self._sign(body), "/hooks/httpsms/other/received"),
            "odd bytes": await self._post(body, "é"),
        }
        return [name for name, status in attempts.items() if status != 403]


class ChatWire:
    channel, connector = "chat", "chat"

    def __init__(self, hub: Hub):
        self.hub = hub

    async def open(self) -> None:
        self.busy = asyncio.Lock()
        self.visitor = ChatVisitor(self.hub.http, self.hub.url, SITE)
        await self.visitor.open(name="Ann", locale="en")

    async def close(self) -> None:
        await self.visitor.close()

    async def say(self, key: str, text: str) -> bool:
        command = str(uuid.uuid5(uuid.NAMESPACE_URL, key))
        if self.busy.locked():  # at the same time means: in another tab
            async with ChatVisitor(self.hub.http, self.hub.url, SITE) as tab:
                tab.token = self.visitor.token
                await tab.open()
                return "ev" in await tab.command("message", {"text": text}, id=command)
        async with self.busy:
            return "ev" in await self.visitor.command("message", {"text": text}, id=command)

    async def malformed(self) -> str:
        for data in ({}, {"text": ""}, {"text": 7}, {"text": "x" * 20_001}):
            ack = await self.visitor.command("message", data)
            assert ack["err"]["code"] == 422, data
        assert await self._closed_after("this is not JSON") == 1007
        return "refused"

    async def huge(self) -> bool:
        return await self._closed_after("x" * (MAX_FRAME + 1)) == 1009

    async def _closed_after(self, text: str) -> int | None:
        """What the hub closes with when it is told `text`; the visitor comes back afterwards."""
        socket: Any = self.visitor._socket  # the bare socket: no widget would send this
        await socket.send_str(text)
        while not socket.closed:
            async with asyncio.timeout(5):
                await socket.receive()
        await self.visitor.open()
        return socket.close_code

    async def forged(self) -> list[str]:
        passed: list[str] = []
        path = f"{self.hub.url}/hooks/chat/{SITE}"
        for origin in ("https://evil.example", "null", ""):
            headers = {"Origin": origin} if origin else {}
            async with self.hub.http.post(f"{path}/session", json={}, headers=headers) as answer:
                passed += [f"session from {origin!r}"] if answer.status != 403 else []
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await self.hub.http.ws_connect(f"{path}/socket", headers=headers)
            passed += [f"socket from {origin!r}"] if refused.value.status != 403 else []
        for token in ("", "x" * 100, self.visitor.token[:-4] + "AAAA", 7):
            async with self.hub.http.ws_connect(f"{path}/socket", headers={"Origin": self.hub.url}) as socket:
                await socket.send_json({"t": "hello", "token": token, "cursor": 0})
                await socket.receive()
                passed += [f"token {token!r}"] if socket.close_code != 4401 else []
        return passed
