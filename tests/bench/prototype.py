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

TABLES = """
create table if not exists bare_contact (id bigint generated always as identity primary key, address text unique);
create table if not exists bare_conversation (
    id bigint generated always as identity primary key, contact_id bigint, updated_at timestamptz);
create unique index if not exists bare_running on bare_conversation (contact_id);
create table if not exists bare_interaction (
    id bigint generated always as identity primary key, conversation_id bigint, text text, at timestamptz);
create table if not exists bare_event (
    id bigint generated always as identity primary key, kind text, interaction_id bigint, at timestamptz)
"""
# The intake transaction that was measured when the figures were set: contact by address, conversation, interaction,
# event. No raw bytes, no thread, no queue, no rules.
STORE = """
with item as (select * from unnest(%(addresses)s::text[], %(texts)s::text[]) with ordinality as t (address, text, n)),
who as (
    insert into bare_contact (address) select distinct address from item order by 1
    on conflict (address) do update set address = excluded.address returning id, address
), place as (
    insert into bare_conversation (contact_id, updated_at) select id, now() from who order by id
    on conflict (contact_id) do update set updated_at = now() returning id, contact_id
), said as (
    insert into bare_interaction (conversation_id, text, at)
    select p.id, i.text, now() from item i join who w on w.address = i.address join place p on p.contact_id = w.id
    order by i.n returning id
), told as (
    insert into bare_event (kind, interaction_id, at) select 'interaction.created', id, now() from said
)
select id from said
"""


async def main(port: int, database: str, redis: str) -> None:
    db, feed = Database(database), Feed(redis)
    await db.open()
    for statement in TABLES.split(";"):
        await db.execute(statement)
    sockets: set[web.WebSocketResponse] = set()

    async def store(items: Sequence[tuple[str, str]]) -> list[int]:
        addresses, texts = zip(*items, strict=True)
        rows = await db.dicts(STORE, {"addresses": list(addresses), "texts": list(texts)})
        await feed.publish([("bare", {"n": text}) for text in texts])
        return [row["id"] for row in rows]

    group = GroupCommit(store)

    async def take(request: web.Request) -> web.Response:
        form = await request.post()
        await group.submit((str(form["From"]), str(form["Body"])))
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
