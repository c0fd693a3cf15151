"""The bare prototype the hub is measured against: HTTP, group commit, pub/sub, socket; no rules, no routing.

`python -m tests.bench.prototype PORT DATABASE_URL REDIS_URL` serves `POST /in` and `GET /ws`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import orjson
from aiohttp import web

from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.groupcommit import GroupCommit

STORE = """
with i as (select * from unnest(%(texts)s::text[]) as t (text)),
m as (insert into bare_message (text) select text from i returning id)
insert into bare_event (message_id) select id from m returning message_id
"""


async def main(port: int, database: str, redis: str) -> None:
    db, feed = Database(database), Feed(redis)
    await db.open()
    await db.execute(
        "create table if not exists bare_message (id bigint generated always as identity primary key, text text)"
    )
    await db.execute(
        "create table if not exists bare_event (id bigint generated always as identity primary key, message_id bigint)"
    )
    sockets: set[web.WebSocketResponse] = set()

    async def store(texts: Sequence[str]) -> list[int]:
        rows = await db.dicts(STORE, {"texts": list(texts)})
        await feed.publish([("bare", {"n": text}) for text in texts])
        return [row["message_id"] for row in rows]

    group = GroupCommit(store)

    async def take(request: web.Request) -> web.Response:
        await group.submit((await request.post())["Body"])  # type: ignore[arg-type]
        return web.Response(text="<Response/>", content_type="text/xml")

    async def listen(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        sockets.add(socket)
        async for _ in socket:
            pass
        sockets.discard(socket)
        return socket

    async def pump() -> None:
        pubsub = feed.redis.pubsub(ignore_subscribe_messages=True)
        await pubsub.subscribe("t:bare")
        while True:
            message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=5)
            if message:
                text = orjson.loads(message["data"])["n"]
                for socket in sockets:
                    await socket.send_str(text)

    app = web.Application()
    app.add_routes([web.post("/in", take), web.get("/ws", listen)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await pump()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
