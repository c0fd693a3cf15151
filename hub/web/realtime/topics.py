"""Realtime `hub.v1`: one WebSocket per screen, topics with a sequence, gapless whatever is lost on the way.

PostgreSQL is the truth; Redis pub/sub is how a process hears of it. Each connection knows the last sequence it sent
per topic: what is older is dropped, what would leave a gap is read from the log first. Every few seconds the
sequences are compared with the database, so that a lost publish heals by itself.

Every subscription, every delivery and every round of healing asks the database what the screen's session and agent may
see at that moment (`hub.access.rights`): who was transferred away from, demoted or signed out is told no more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any, LiteralString, Protocol

import orjson
import psycopg
from redis.exceptions import RedisError

from hub.access import rights
from hub.access.rights import Subject
from hub.core import events, log
from hub.core.clock import iso
from hub.core.errors import HubError, NotFound, Unauthorized
from hub.core.events import frames
from hub.core.service import Core
from hub.core.sql import Queries
from hub.core.tasks import together
from hub.web.realtime.connection import Connection

logger = log.get(__name__)
sql = Queries.beside(__file__, "topics.sql")
HEAL_EVERY = 4.0  # seconds
_SEQUENCES: dict[str, LiteralString] = {
    "c": sql["conversation_sequences"],
    "u": sql["agent_sequences"],
}
BACKLOG = 500  # events replayed at most; beyond that the screen reads everything anew


class Renderer(Protocol):
    """Makes what screens show out of events, once per process."""

    async def prepare(self, messages: list[dict[str, Any]]) -> None:
        """Read what these messages need, in as few queries as there are kinds of things."""
        ...

    def frame(self, topic: str, message: dict[str, Any]) -> dict[str, Any]:
        """A prepared message as the client reads it."""
        ...


class Realtime:
    """The sockets of one web process and what they listen to."""

    def __init__(self, core: Core, renderer: Renderer):
        self._core = core
        self._renderer = renderer
        self._topics: dict[str, set[Connection]] = {}
        self._connections: set[Connection] = set()
        self._heard: list[tuple[str, dict[str, Any]]] = []
        self._rang = asyncio.Event()
        self._rights_changed = asyncio.Event()
        self._pubsub: Any = None
        self._following = asyncio.Lock()

    # -- connections -------------------------------------------------------------------------------------------------
    def join(self, connection: Connection) -> None:
        """A screen is here."""
        self._connections.add(connection)

    def leave(self, connection: Connection) -> None:
        """A screen is gone."""
        self._connections.discard(connection)
        for topic in list(connection.cursors):
            self.unsubscribe(connection, topic)

    def connections(self) -> Iterable[Connection]:
        """Everybody here."""
        return tuple(self._connections)

    def agents_here(self) -> set[int]:
        """The agents with a screen open on this process."""
        return {c.actor.id for c in self._connections}

    def watched(self, topic: str) -> set[Connection]:
        """Who listens to a topic here."""
        return self._topics.get(topic, set())

    def queue_topics(self) -> list[str]:
        """The queues somebody watches here."""
        return [t for t in self._topics if t.startswith("q:")]

    async def subscribe(self, connection: Connection, topic: str, cursor: int) -> None:
        """Replay what follows `cursor`, then go on live. `NotFound` when the screen may not see the topic."""
        [allowed] = await self._told([(connection, topic)])
        if not allowed.alive:
            raise Unauthorized("You are signed out.", remedy="Sign in again.")
        if not allowed.may:
            raise NotFound(_NOT_YOURS[topic[0]])
        connection.cursors[topic] = cursor
        connection.replaying[topic] = []
        self._topics.setdefault(topic, set()).add(connection)
        if _numbered(topic):
            # Listen first, then read what was missed: nothing can fall between the two.
            await self._follow(topic)
            await self._replay(connection, topic)
        connection.replaying.pop(topic, None)

    def unsubscribe(self, connection: Connection, topic: str) -> None:
        """Stop listening."""
        connection.cursors.pop(topic, None)
        listeners = self._topics.get(topic)
        if listeners is not None:
            listeners.discard(connection)
            if not listeners:
                del self._topics[topic]

    # -- rights ------------------------------------------------------------------------------------------------------
    async def audience(self, topics: Iterable[str]) -> dict[str, dict[Connection, bool]]:
        """Who listens to these topics and may do so now, and whether they may see numbers of a queue.

        Whoever may not listen any more is told so and dropped.
        """
        pairs = [(connection, topic) for topic in topics for connection in tuple(self.watched(topic))]
        found: dict[str, dict[Connection, bool]] = {}
        for (connection, topic), allowed in zip(pairs, await self._told(pairs), strict=True):
            if not allowed.alive:
                await connection.close(4401, "signed out")
                self.leave(connection)
            elif not allowed.may:
                await self._drop(connection, topic)
            else:
                found.setdefault(topic, {})[connection] = allowed.numbers
        return found

    async def may(self, connection: Connection, topic: str) -> bool:
        """Whether a screen may see a topic now."""
        [allowed] = await self._told([(connection, topic)])
        return allowed.alive and allowed.may

    async def _told(self, pairs: list[tuple[Connection, str]]) -> list[rights.Told]:
        subjects = [_subject(connection, topic) for connection, topic in pairs]
        found = await rights.told(self._core.db.lane("rights"), subjects)
        return [
            rights.Told(t.n, t.alive, t.may and not _foreign(connection, topic), t.numbers)
            for t, (connection, topic) in zip(found, pairs, strict=True)
        ]

    async def _drop(self, connection: Connection, topic: str) -> None:
        if topic in connection.cursors:
            self.unsubscribe(connection, topic)
            await connection.send({"t": "err", "topic": topic, "code": 404, "detail": _NOT_YOURS[topic[0]]})

    async def _enforce(self) -> None:
        """Look at every screen and all that it listens to."""
        await self.audience(list(self._topics))
        silent = [(c, f"u:{c.actor.id}") for c in self._connections if not c.cursors]
        for (connection, _), allowed in zip(silent, await self._told(silent), strict=True):
            if not allowed.alive:
                await connection.close(4401, "signed out")

    # -- replays -----------------------------------------------------------------------------------------------------
    async def _replay(self, connection: Connection, topic: str) -> None:
        """Send what the connection has not seen; called again until nothing new came meanwhile."""
        while topic in connection.cursors:
            missed = await events.topic_events(self._core.db, topic, connection.cursors[topic], BACKLOG + 1)
            if len(missed) > BACKLOG:
                seq = missed[-1].agent_seq if topic[0] == "u" else missed[-1].conversation_seq
                newest = await self._newest(topic, seq or 0)
                connection.cursors[topic] = newest
                await connection.send({"t": "reset", "topic": topic, "seq": newest})
            else:
                messages = [message for event in missed for t, message in frames(event) if t == topic]
                await self._send(connection, topic, await self._as_seen(connection, topic, messages))
            waiting = connection.replaying.get(topic)
            if not waiting:
                return
            connection.replaying[topic] = []
            if max(m["seq"] for m in waiting) <= connection.cursors.get(topic, 0):
                return

    async def _as_seen(
        self, connection: Connection, topic: str, messages: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """An agent's own log as it may be shown now: of a conversation out of their sight only that it is gone."""
        about = sorted({m["conversation_id"] for m in messages if m["conversation_id"] is not None})
        if topic[0] != "u" or not about:
            return messages
        told = await self._told([(connection, f"c:{number}") for number in about])
        hidden = {number for number, allowed in zip(about, told, strict=True) if not allowed.may}
        return [_unassigned(m) if m["conversation_id"] in hidden else m for m in messages]

    async def _newest(self, topic: str, at_least: int) -> int:
        query = sql["agent_sequence"] if topic[0] == "u" else sql["conversation_sequence"]
        return max(int(await self._core.db.value(query, {"id": int(topic[2:])}) or 0), at_least)

    # -- the feed ----------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Listen and deliver until cancelled."""
        with self._core.feed.subscribed(self._hear_here):
            await together(self._listen(), self._deliver_forever(), self._heal_forever())

    async def _listen(self) -> None:
        while True:
            pubsub = self._core.feed.redis.pubsub(ignore_subscribe_messages=True)
            try:
                await pubsub.subscribe("w:sessions", *[f"t:{t}" for t in self._topics if _numbered(t)])
                self._pubsub = pubsub
                while True:
                    message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=5)
                    if message is not None:
                        self._hear(message)
            except (RedisError, OSError):
                await asyncio.sleep(0.5)
            finally:
                self._pubsub = None
                with contextlib.suppress(RedisError, OSError, asyncio.CancelledError):
                    await pubsub.aclose()

    async def _follow(self, topic: str) -> None:
        """Hear of a topic. While Redis is away the healing rounds do the work."""
        async with self._following:
            if self._pubsub is not None:
                with contextlib.suppress(RedisError, OSError):
                    await self._pubsub.subscribe(f"t:{topic}")

    async def _forget_unwatched(self) -> None:
        """Stop hearing of topics that nobody watches any more."""
        async with self._following:
            if self._pubsub is None:
                return
            followed = {name.decode()[2:] for name in self._pubsub.channels if name.startswith(b"t:")}
            if gone := followed - set(self._topics):
                with contextlib.suppress(RedisError, OSError):
                    await self._pubsub.unsubscribe(*[f"t:{t}" for t in gone])

    def _hear_here(self, events: list[tuple[str, dict[str, Any]]]) -> None:
        """What this process itself has committed."""
        heard = [pair for pair in events if pair[0] in self._topics]
        if heard:
            self._heard += heard
            self._rang.set()

    def _hear(self, message: dict[str, Any]) -> None:
        if self._core.feed.is_own(message["data"]):
            return
        channel = message["channel"].decode()
        if channel == "w:sessions":
            self._rights_changed.set()
        elif channel.startswith("t:"):
            said = orjson.loads(message["data"])
            # Only events and whispers are for screens; connectors notify each other on these topics too.
            if "seq" in said or said.get("t") == "eph":
                self._heard.append((channel[2:], said))
                self._rang.set()

    async def _deliver_forever(self) -> None:
        while True:
            await self._rang.wait()
            self._rang.clear()
            heard, self._heard = self._heard, []
            try:
                await self._deliver(heard)
            except (HubError, psycopg.Error) as error:
                logger.warning("delivery_to_screens_failed", error=str(error), effect="they heal by their sequence")

    async def _deliver(self, heard: list[tuple[str, dict[str, Any]]]) -> None:
        by_topic: dict[str, list[dict[str, Any]]] = {}
        for topic, message in heard:
            if topic in self._topics:
                by_topic.setdefault(topic, []).append(message)
        live = [m for messages in by_topic.values() for m in messages if m.get("t") != "eph"]
        audience, _ = await asyncio.gather(self.audience(by_topic), self._renderer.prepare(live))
        for topic, messages in by_topic.items():
            for connection in audience.get(topic, ()):
                await self._hand_over(connection, topic, messages)

    async def _hand_over(self, connection: Connection, topic: str, messages: list[dict[str, Any]]) -> None:
        for eph in (m for m in messages if m.get("t") == "eph"):
            if eph.get("from") != connection.id:
                await connection.send({k: v for k, v in eph.items() if k != "from"})
        numbered = [m for m in messages if m.get("t") != "eph"]
        if topic in connection.replaying:
            connection.replaying[topic] += numbered
            return
        fresh = sorted((m for m in numbered if m["seq"] > connection.cursors.get(topic, 0)), key=lambda m: m["seq"])
        if not fresh or topic not in connection.cursors:
            return
        expected = range(connection.cursors[topic] + 1, connection.cursors[topic] + 1 + len(fresh))
        if [m["seq"] for m in fresh] == list(expected):
            await self._send(connection, topic, fresh)
        else:
            connection.replaying[topic] = []
            await self._replay(connection, topic)
            connection.replaying.pop(topic, None)

    async def _send(self, connection: Connection, topic: str, messages: list[dict[str, Any]]) -> None:
        if not messages or topic not in connection.cursors:
            return
        await self._renderer.prepare(messages)
        sent = [self._renderer.frame(topic, m) for m in messages if m["seq"] > connection.cursors[topic]]
        connection.cursors[topic] = max(connection.cursors[topic], messages[-1]["seq"])
        await connection.send(sent[0] if len(sent) == 1 else sent)

    # -- healing -----------------------------------------------------------------------------------------------------
    async def _heal_forever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._rights_changed.wait(), HEAL_EVERY)
            self._rights_changed.clear()
            try:
                await self._enforce()
                await self._catch_up()
                await self._forget_unwatched()
            except (HubError, psycopg.Error) as error:
                logger.warning("healing_failed", error=str(error))

    async def _catch_up(self) -> None:
        """Compare the sequences with the database and replay what a lost publish left out."""
        for letter, query in _SEQUENCES.items():
            ids = [int(t[2:]) for t in self._topics if t.startswith(f"{letter}:")]
            for row in await self._core.db.dicts(query, {"ids": ids}) if ids else []:
                topic = f"{letter}:{row['id']}"
                for connection in tuple(self._topics.get(topic, ())):
                    if connection.cursors.get(topic, 0) < row["seq"] and topic not in connection.replaying:
                        connection.replaying[topic] = []
                        await self._replay(connection, topic)
                        connection.replaying.pop(topic, None)


_NOT_YOURS = {
    "c": "There is no such conversation.",
    "u": "This is somebody else's topic.",
    "q": "This is not one of your queues.",
    "w": "You may not see this.",
}


def _subject(connection: Connection, topic: str) -> Subject:
    kind, _, number = topic.partition(":")
    return Subject(
        connection.credential,
        conversation_id=int(number) if kind == "c" else None,
        queue_id=int(number) if kind == "q" else None,
        board=kind == "wall",
    )


def _foreign(connection: Connection, topic: str) -> bool:
    """Whether it is another agent's own topic."""
    return topic[0] == "u" and int(topic[2:]) != connection.actor.id


def _unassigned(message: dict[str, Any]) -> dict[str, Any]:
    """What remains of an event about a conversation that its agent may no longer see: its place in the sequence."""
    return {**message, "type": "conversation.unassigned", "data": {}}


def _numbered(topic: str) -> bool:
    """Whether a topic has a sequence (`c:`, `u:`); the others are snapshots."""
    return topic[:2] in {"c:", "u:"}


def ready_frame(heartbeat: int, moment: Any) -> dict[str, Any]:
    """The first frame of the server."""
    return {"t": "ready", "hb": heartbeat, "now": iso(moment)}
