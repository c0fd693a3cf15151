"""Names of any length and alphabet, through every connector: stored or in quarantine, and the next one flows."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.email.mailbox_store import Keeper
from hub.demo import deliver
from hub.demo.twilio.messages import signature
from tests.attack.scale import attempts, every, on_loop, texts
from tests.integration.connectors.channel_clients import ChatWire, Gateway
from tests.integration.connectors.harness import MAILBOX, NUMBER, SID, TOKEN, Hub

MAILS = Path(__file__).parent / "mails"
NAMES = ("Message-ID", "References", "In-Reply-To", "From", "Reply-To", "Subject", "To", "Date", "Content-Type",
         "Authentication-Results", "Auto-Submitted", "X-Loop", "List-Id", "X-Failed-Recipients")  # fmt: skip
headers = st.lists(st.tuples(st.sampled_from(NAMES), texts), min_size=1, max_size=4)
numbers = itertools.count(1)


async def kept(hub: Hub) -> int:
    """How many raw messages lie here, whatever their state."""
    return await hub.value("select count(*) from raw")


def mail(fields: list[tuple[str, str]], text: str) -> bytes:
    head = b"".join(
        name.encode()
        + b": "
        + value.encode("utf-8", "surrogatepass").replace(b"\n", b" ").replace(b"\r", b" ")
        + b"\r\n"
        for name, value in fields
    )
    return head + b"\r\n" + text.encode() + b"\r\n"


async def by_lmtp(hub: Hub, raw: bytes) -> int:
    answers = await deliver("127.0.0.1", hub.lmtp_port, "ann@customer.example", [MAILBOX], raw, lmtp=True)
    return answers[MAILBOX].code


@pytest.mark.timeout(600)
async def test_mail_with_any_headers_is_stored_and_the_next_one_flows(hub: Hub) -> None:
    loop = asyncio.get_running_loop()

    @attempts(25)
    @given(headers)
    def holds(fields: list[tuple[str, str]]) -> None:
        n = next(numbers)
        before = on_loop(loop, kept(hub))
        assert on_loop(loop, by_lmtp(hub, mail(fields, f"odd {n}"))) == 250
        assert on_loop(loop, by_lmtp(hub, mail([("From", "ann@customer.example")], f"next {n}"))) == 250
        assert on_loop(loop, kept(hub)) == before + 2

    await every(holds)
    assert (await hub.texts("email"))[-1].startswith("next ")


@pytest.mark.timeout(600)
async def test_mailbox_gets_past_mail_with_any_headers(hub: Hub) -> None:
    loop = asyncio.get_running_loop()
    keeper = Keeper(hub.core, hub.gate, await hub.of("mail"), "INBOX")

    @attempts(15)
    @given(st.lists(headers, min_size=2, max_size=4))
    def holds(several: list[list[tuple[str, str]]]) -> None:
        first = next(numbers) * 10
        mails = {first + i: mail(fields, f"of a batch {first + i}") for i, fields in enumerate(several)}
        before = on_loop(loop, kept(hub))
        on_loop(loop, keeper.keep(1, mails))  # returns: the folder is read on behind them
        assert on_loop(loop, kept(hub)) == before + len(mails)

    await every(holds)


@pytest.mark.timeout(600)
async def test_webhook_of_twilio_with_any_values_is_acknowledged(hub: Hub) -> None:
    loop = asyncio.get_running_loop()
    path = "/hooks/twilio/sms/sms"

    async def post(form: dict[str, str]) -> int:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": signature(TOKEN, hub.url + path, form),
        }
        body = urlencode(form, errors="replace").encode()
        async with hub.http.post(hub.url + path, data=body, headers=headers) as answer:
            return answer.status

    @attempts(20)
    @given(
        st.dictionaries(
            st.sampled_from(["MessageSid", "From", "Body", "ProfileName", "FromCity", "OriginalRepliedMessageSid"]),
            texts,
        )
    )
    def holds(odd: dict[str, str]) -> None:
        n = next(numbers)
        plain = {k: v.encode("utf-8", "replace").decode() for k, v in odd.items()}
        base = {"MessageSid": f"SM{n:032x}", "AccountSid": SID, "From": "+14155550101", "To": NUMBER, "Body": "hi"}
        before = on_loop(loop, kept(hub))
        assert on_loop(loop, post({**base, **plain})) == 200
        after = on_loop(loop, kept(hub))
        assert after >= before  # the same odd SID again is the same message
        assert on_loop(loop, post({**base, "MessageSid": f"SM{n:031x}f", "Body": "next"})) == 200
        assert on_loop(loop, kept(hub)) == after + 1

    await every(holds)
    assert (await hub.texts("sms"))[-1] == "next"


@pytest.mark.timeout(600)
async def test_webhook_of_a_gateway_with_any_values_is_acknowledged(hub: Hub) -> None:
    loop = asyncio.get_running_loop()
    wire = Gateway(hub)
    await wire.open()

    @attempts(20)
    @given(texts, texts, texts)
    def holds(key: str, sender: str, text: str) -> None:
        message = {"id": f"{next(numbers)}{key}", "from": sender, "text": text}
        body = orjson.dumps({"message": {k: v.encode("utf-8", "replace").decode() for k, v in message.items()}})
        before = on_loop(loop, kept(hub))
        assert on_loop(loop, wire._post(body, wire._sign(body))) == 200
        assert on_loop(loop, kept(hub)) == before + 1
        assert on_loop(loop, wire.say(f"next{next(numbers)}", "next"))

    await every(holds)


@pytest.mark.timeout(600)
async def test_chat_message_with_any_words_is_stored_or_refused_and_the_next_one_flows(hub: Hub) -> None:
    loop = asyncio.get_running_loop()

    async def one(key: str, text: str, name: str) -> dict[str, Any]:
        wire = ChatWire(hub)
        await wire.open()
        try:
            try:
                ack = await wire.visitor.command("message", {"text": text, "name": name}, id=key)
            except ConnectionError as error:
                if "1009" not in str(error):  # larger than a frame may be, said in so many words
                    raise
                ack = {"err": {"code": 422}}
                await wire.visitor.open()
            assert await wire.say(f"next {next(numbers)}", "next")
        finally:
            await wire.close()
        return ack

    @attempts(10)
    @given(texts, texts, texts)
    def holds(key: str, text: str, name: str) -> None:
        plain = [one.encode("utf-8", "replace").decode() for one in (key, text, name)]
        ack = on_loop(loop, one(*plain))
        assert ("ev" in ack) != (ack.get("err", {}).get("code") == 422)

    await every(holds)


async def test_known_poison_is_stored_and_found_again_by_its_id(hub: Hub) -> None:
    poison = (MAILS / "message-id-of-2100-bytes.eml").read_bytes()
    assert await by_lmtp(hub, poison) == 250
    assert await by_lmtp(hub, poison) == 250  # the same mail again is the same message
    assert await by_lmtp(hub, mail([("From", "ann@customer.example")], "next")) == 250
    assert await hub.value("select count(*) from interaction") == 2
    assert await hub.quarantined("email") == []
    said = next(line for line in poison.splitlines() if line.startswith(b"Message-ID:")).partition(b":")[2].strip()
    answer = b"From: Lena <lena@customer.example>\r\nIn-Reply-To: " + said + b"\r\n\r\nOne more thing\r\n"
    assert await by_lmtp(hub, answer) == 250
    assert await hub.value("select count(distinct conversation_id) from interaction where text <> 'next'") == 1
