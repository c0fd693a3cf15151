"""The sender measures a server that is faster than what was made ready for it."""

from __future__ import annotations

import asyncio

import pytest

from tests.bench import wire


async def test_a_server_that_uses_up_all_requests_is_measured_by_the_time_they_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = 0
    answering: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        answering.add(asyncio.current_task())
        while await reader.read(4096):
            answered += 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    monkeypatch.setattr(wire, "MOST", 20)
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    sender = wire.Wire(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    rate = await wire.rate(sender, lambda n: sender.form("/x", {"n": str(n)}, {}), 3, 2.0)
    sender.close()
    server.close()
    await asyncio.wait([task for task in answering if task])
    assert answered == 20 + 40
    assert rate > 20
