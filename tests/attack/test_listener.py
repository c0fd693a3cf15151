"""SMTP and LMTP sessions of people who want them to cost something."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.email import listener
from connectors.email.session import _plain
from hub.demo import deliver
from tests.attack.scale import SCALE, attempts, every, on_loop
from tests.integration.connectors.harness import MAILBOX, Hub

HEAD = b"From: ann@customer.example\r\nSubject: x\r\n\r\n"


class Client:
    """Speaks SMTP by the word."""

    def __init__(self, port: int):
        self.port = port

    async def __aenter__(self) -> Client:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.greeting = await self.line()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def line(self) -> str:
        async with asyncio.timeout(60):
            return (await self.reader.readline()).decode()

    async def say(self, words: bytes) -> str:
        self.writer.write(words)
        answer = await self.line()
        while answer[3:4] == "-":
            answer = await self.line()
        return answer

    async def begin(self) -> None:
        for words in (b"EHLO x\r\n", b"MAIL FROM:<ann@customer.example>\r\n", f"RCPT TO:<{MAILBOX}>\r\n".encode()):
            assert (await self.say(words)).startswith("250")


async def raw(hub: Hub) -> bytes:
    return bytes(await hub.value("select body from raw order by id desc limit 1"))


async def test_message_of_empty_lines_is_searched_in_large_pieces(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    searched = 0
    real = asyncio.StreamReader.readuntil

    async def counted(self: Any, separator: bytes = b"\n") -> bytes:
        nonlocal searched
        searched += separator == b"\r\n.\r\n"
        return await real(self, separator)

    monkeypatch.setattr(asyncio.StreamReader, "readuntil", counted)
    body = HEAD + b"\r\n" * (1_000_000 * SCALE) + b"end\r\n"
    answers = await deliver("127.0.0.1", hub.smtp_port, "ann@customer.example", [MAILBOX], body, timeout=120)
    assert answers[MAILBOX].code == 250
    assert searched < 10 * SCALE
    assert await raw(hub) == body


async def test_message_arrives_byte_for_byte_whatever_its_lines(hub: Hub) -> None:
    loop = asyncio.get_running_loop()

    async def sent(content: bytes) -> bytes:
        async with Client(hub.smtp_port) as client:
            await client.begin()
            assert (await client.say(b"DATA\r\n")).startswith("354")
            stuffed = b"".join(b"." + one if one[:1] == b"." else one for one in content.splitlines(keepends=True))
            assert (await client.say(stuffed + b".\r\n")).startswith("250")
        return await raw(hub)

    pieces = st.lists(
        st.sampled_from([b".\r\n", b"..\r\n", b"\r\n", b"a\r\n", b". .\r\n", b".a\r\n", b"..a.\r\n"]), max_size=12
    )

    @attempts(15)
    @given(pieces, st.integers(0, 10**9))
    def holds(lines: list[bytes], unique: int) -> None:
        content = HEAD + f"{unique}\r\n".encode() + b"".join(lines)
        assert on_loop(loop, sent(content)) == content

    await every(holds)


async def test_dots_are_undone_wherever_the_pieces_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    stuffed = b"\r\n..\r\n..a\r\n.\r.\n..\r\n\r\n...\r\nb" * 7
    for size in range(3, 40):
        monkeypatch.setattr("connectors.email.session._PIECE", size)
        assert await _plain(stuffed) == stuffed.replace(b"\r\n.", b"\r\n")[2:]


async def test_odd_line_ends_end_no_message_and_empty_ones_are_taken(hub: Hub) -> None:
    async with Client(hub.smtp_port) as client:
        await client.begin()
        await client.say(b"DATA\r\n")
        smuggled = b"x\n.\nMAIL FROM:<eve@evil.example>\r\ny\r.\rz\n.\r\nw\r\n"
        assert (await client.say(HEAD + smuggled + b".\r\n")).startswith("250")
        assert smuggled in await raw(hub)
        assert await hub.value("select count(*) from raw") == 1
        await client.say(b"MAIL FROM:<ann@customer.example>\r\n")
        await client.say(f"RCPT TO:<{MAILBOX}>\r\n".encode())
        await client.say(b"DATA\r\n")
        assert (await client.say(b".\r\n")).startswith("250")  # nothing at all: kept for a person to look at
    assert len(await hub.quarantined("email")) == 1


async def test_message_before_our_answer_is_refused(hub: Hub) -> None:
    async with Client(hub.smtp_port) as client:
        await client.begin()
        assert (await client.say(b"DATA\r\n" + HEAD + b"x\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n")).startswith("503")
    assert await hub.value("select count(*) from raw") == 0


async def test_too_large_is_refused_and_the_next_one_flows(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "MAX_BYTES", 100_000)
    answers = await deliver("127.0.0.1", hub.smtp_port, "a@customer.example", [MAILBOX], HEAD + b"x" * 200_000)
    assert answers[MAILBOX].code == 552
    async with Client(hub.smtp_port) as client:
        await client.begin()
        await client.say(b"DATA\r\n")
        assert (await client.say(HEAD + b"x\r\n" * 100_000 + b".\r\n")).startswith("552")
        await client.say(b"MAIL FROM:<ann@customer.example>\r\n")
        await client.say(f"RCPT TO:<{MAILBOX}>\r\n".encode())
        await client.say(b"DATA\r\n")
        assert (await client.say(HEAD + b"small\r\n.\r\n")).startswith("250")
    assert await hub.texts("email") == ["small"]


async def test_sessions_and_commands_of_one_network_have_an_end(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    [own] = [one for endpoint, one in hub.email._listeners.items() if not endpoint.lmtp]
    monkeypatch.setattr(own._places, "_each", 3)
    clients = [await Client(hub.smtp_port).__aenter__() for _ in range(5)]
    assert [client.greeting[:3] for client in clients] == ["220"] * 3 + ["421"] * 2
    for client in clients:
        client.writer.close()
    for _ in range(100):
        if not own.open:
            break
        await asyncio.sleep(0.05)
    async with Client(hub.smtp_port) as client:  # there is room again
        assert client.greeting.startswith("220")
        answers = [await client.say(b"NOOP\r\n") for _ in range(1001)]
        assert answers[0].startswith("250")
        assert answers[-1][:3] in ("421", "")


async def test_session_that_says_nothing_ends(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "SECONDS", 0.3)
    async with Client(hub.smtp_port) as client:
        assert client.greeting.startswith("220")
        client.writer.write(b"EH")
        assert await client.line() == ""
    async with Client(hub.smtp_port) as client:
        await client.begin()
        await client.say(b"DATA\r\n")
        client.writer.write(HEAD)
        assert await client.line() == ""
