"""The visitor's side of `hub.v1`: one implicit topic, `chat`; hello, sub, cmd, eph and ping."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import WSMsgType, web

from connectors.chat.commands import Commands
from connectors.chat.connection import TOO_FAST, Line
from connectors.chat.limits import Limits
from connectors.chat.live import Live
from hub.core.clock import iso, now
from hub.core.feed import Feed

MAX_FRAME = 256 * 1024  # the longest text, were every character of it escaped (\ud83d\ude00)
HEARTBEAT = 25


async def serve(
    socket: web.WebSocketResponse, line: Line, live: Live, commands: Commands, feed: Feed, limits: Limits
) -> None:
    """Greet, replay, then answer frame after frame until the visitor is gone."""
    await line.send({"t": "ready", "hb": HEARTBEAT, "now": iso(now())})
    await live.catch_up()
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            if message.type is WSMsgType.BINARY:
                await line.close(1003, b"text frames only")
            continue
        frame = parse(message.data)
        if not limits.frame(line, frame.get("t")):
            await line.close(TOO_FAST, b"too many frames")
            return
        if not await _answer(frame, message.data, line, live, commands, feed):
            await line.close(1007, b"not a hub.v1 frame")


async def _answer(frame: dict[str, Any], text: str, line: Line, live: Live, commands: Commands, feed: Feed) -> bool:
    """Answer one frame; False when it is none."""
    match frame:
        case {"t": "ping"}:
            await line.send({"t": "pong"})
        case {"t": "sub", "cursor": int(cursor)} if 0 <= cursor < 2**53:
            line.cursor = cursor
            await live.catch_up()
        case {"t": "cmd"}:
            await line.send(await commands.run(frame, text, line, live))
        case {"t": "eph", "type": "typing"}:
            await _typing(line, feed)
        case {"t": str()}:
            pass  # a word of a later protocol
        case _:
            return False
    return True


def parse(text: str) -> dict[str, Any]:
    """A frame, or {} if it is none."""
    try:
        frame: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return frame if isinstance(frame, dict) else {}  # pyright: ignore[reportUnknownVariableType] - any JSON object


async def _typing(line: Line, feed: Feed) -> None:
    conversation = line.status.get("conversation")
    if conversation is not None and line.may_type():
        topic = f"c:{conversation}"
        await feed.publish([(topic, {"t": "eph", "topic": topic, "type": "typing", "data": {"from": "customer"}})])
