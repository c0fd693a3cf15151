"""What happened in all those years, told message by message in the order of time."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import orjson

from hub.demo.history.rows import Rows, hexed, moment
from hub.demo.history.words import Person, Words

HOUR, DAY = 3600.0, 86400.0
_Row = tuple[str | float | None, ...]
_PER_PERSON = 3  # ids of addresses set aside for each: mail, number, visitor
_FILE = hexed(b"Not a real file, but as many bytes as a small picture has. " * 160)


@dataclass(frozen=True, slots=True)
class Place:
    """An account of the center, as far as messages need it."""

    id: int
    connector: str


@dataclass(frozen=True, slots=True)
class Center:
    """Accounts by channel, queues with the agents of each (the busiest first), and the first ids."""

    accounts: dict[str, Place]
    queues: dict[int, tuple[int, ...]]
    first: dict[str, int]


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it; from `began` to `ended`, in seconds of the epoch."""

    conversations: int
    interactions: int
    began: float
    ended: float
    seed: int = 1

    @property
    def faithful(self) -> int:
        """How many interactions one customer alone has: the first."""
        return min(10_000, self.interactions // 20)


@dataclass(slots=True)
class Conversation:
    """One as it goes on: who has said what last, how much is left to say, and how it ends (`fate`)."""

    id: int
    contact: int
    person: Person
    channel: str
    queue: int
    subject: str
    began: float
    left: int
    fate: str
    entry: int
    agent: int | None = None
    seq: int = 0
    said: int = 0
    preview: str = ""
    waiting: float | None = None
    replied: float | None = None
    heard: float | None = None
    spoke: float | None = None
    offer: int | None = None
    sends: list[_Row] = field(default_factory=list[_Row])


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


class Past:
    """Plays every conversation into `rows`. `play` yields how many interactions there are, often."""

    def __init__(self, size: Size, center: Center, rows: Rows):
        self.size = size
        self._center = center
        self._rows = rows
        self._words = Words(size.seed)
        self._draw = random.Random(size.seed)
        self._ids = {name: itertools.count(first) for name, first in center.first.items()}
        self._queues = list(center.queues)
        self._queue_weights = list(itertools.accumulate(1 / (n + 1) for n in range(len(self._queues))))
        self._mean = (size.interactions - size.faithful) / max(1, size.conversations - size.faithful // 10)
        self._heap: list[tuple[float, int, Conversation]] = []
        self._buckets: dict[tuple[int, str, int], list[float]] = {}
        self._flow: dict[tuple[int, int], list[int]] = {}
        self.interactions = 0

    def play(self) -> Iterator[int]:
        """People first, then everything they say; the last of it may be still to come when time is up."""
        for number in range(1, self.size.conversations + 1):
            self._introduce(number)
            if number % 1000 == 0:
                yield self.interactions
        every = max(2, self.size.conversations * 10 // max(1, self.size.faithful))
        for number in range(self.size.conversations):
            start = self._start(number)
            yield from self._until(start)
            self._begin(start, faithful=number % every == 1)
        yield from self._until(self.size.ended)
        while self._heap:
            self._leave_open(heapq.heappop(self._heap)[2])
            yield self.interactions

    def close(self) -> None:
        """No wait is going to change any number any more."""
        self._settle_numbers(float("inf"))

    # -- people ------------------------------------------------------------------------------------------------------
    def _introduce(self, number: int) -> None:
        contact, person = self._contact(number), self._words.person(number)
        at = moment(self.size.began)
        add, address = self._rows.add, self._address(number)
        add("contact", contact, contact, person.name, person.language if person.language != "zh" else "zh-CN", at)
        add("address", address, contact, "email", person.mail, None, at, None)
        if number % 4:
            kind = "whatsapp" if number % 6 == 1 else "phone"
            add(
                "address",
                address + 1,
                contact,
                kind,
                person.phone,
                at,
                at,
                person.phone if kind == "whatsapp" else None,
            )
            add("phone_person", person.phone, contact)
        if number % 5 == 0:
            add("address", address + 2, contact, "visitor", f"visitor{number:025d}", None, at, None)

    def _contact(self, number: int) -> int:
        return self._center.first["contact"] + number - 1

    def _address(self, number: int) -> int:
        return self._center.first["address"] + (number - 1) * _PER_PERSON

    # -- conversations -----------------------------------------------------------------------------------------------
    def _start(self, number: int) -> float:
        """Ever more a day as years go by, and nearly all of them by day."""
        days = (self.size.ended - self.size.began) / DAY * ((number + 0.5) / self.size.conversations) ** 0.7
        return min(self.size.ended - 1, self.size.began + (int(days) + 0.3 + 0.55 * (days % 1)) * DAY)

    def _begin(self, at: float, *, faithful: bool) -> None:
        draw = self._draw
        number = 1 if faithful else 2 + int((self.size.conversations - 2) * draw.random() ** 1.6)
        channel = self._channel(number)
        left = 10 if faithful else 1 + min(200, int(draw.expovariate(1 / max(0.05, self._mean - 0.45))))
        one = self._new(at, number, channel, left)
        heapq.heappush(self._heap, (at, one.id, one))

    def _new(self, at: float, number: int, channel: str, left: int) -> Conversation:
        """One that begins, of a customer by number, with so many things to be said."""
        draw, person = self._draw, self._words.person(number)
        queue = draw.choices(self._queues, cum_weights=self._queue_weights)[0]
        subject = self._words.subject(person.language, draw) if channel == "email" else ""
        return Conversation(
            next(self._ids["conversation"]), number, person, channel, queue, subject, at, left, self._fate(at, channel),
            next(self._ids["queue_entry"]),
        )  # fmt: skip

    def _fate(self, at: float, channel: str) -> str:
        late = (at - self.size.began) / (self.size.ended - self.size.began) > 0.9
        return self._draw.choices(("resolved", "desk", "snoozed", "waiting"), (85, 8, 4, 3))[0] if late else "resolved"

    def _channel(self, number: int) -> str:
        chance = self._draw.random()
        if number % 5 == 0 and chance < 0.5:
            return "chat"
        if number % 4 and chance < 0.45:
            return "whatsapp" if number % 6 == 1 else "sms"
        return "email"

    def _until(self, end: float) -> Iterator[int]:
        while self._heap and self._heap[0][0] <= end:
            at, _, one = heapq.heappop(self._heap)
            if one.left == 0:
                self._finish(one, at)
            else:
                soon = self._say(one, at)
                heapq.heappush(self._heap, (soon, one.id, one))
            if self.interactions % 200 == 0:
                self._settle_numbers(at - 4 * DAY)
                yield self.interactions

    def _say(self, one: Conversation, at: float) -> float:
        """The next message, from whoever's turn it is; when the one after it comes, or the end."""
        draw = self._draw
        one.left -= 1
        if one.waiting is None or draw.random() < 0.15:
            self._hear(one, at)
            quick = one.channel in ("chat", "sms", "whatsapp")
            return at + draw.expovariate(1 / (300.0 if quick else 3 * HOUR)) + 20
        if one.agent is None:
            self._take(one, at - min(30.0, (at - one.began) / 2))
        self._answer(one, at)
        return at + draw.expovariate(1 / (6 * HOUR)) + 60

    def _hear(self, one: Conversation, at: float) -> None:
        first = one.seq == 0
        text = self._words.message(one.person.language, self._draw)
        raw, account = next(self._ids["raw"]), self._center.accounts[one.channel]
        when = moment(at)
        self._rows.add(
            "raw", raw, account.id, account.connector, f"history-{raw}", "text/plain", hexed(text.encode()), when
        )
        meta = _json({"email": one.person.mail, "name": one.person.name}) if one.channel == "chat" else "{}"
        said = self._interaction(one, at, "in", text, external=f"<in{raw}@history.example>", raw=raw, meta=meta)
        if one.channel == "email" and self._draw.random() < 0.2:
            self._rows.add("page", said, 1, f"<p>{text}</p>")
        if self._draw.random() < 0.02:
            name = self._draw.choice(("invoice.pdf", "lamp broken.jpg", "发票.pdf", "Rechnung 2024.pdf"))
            self._rows.add("attachment", said, name, "application/octet-stream", _FILE, when)
        self._event(
            one, at, "interaction.created", contact=True,
            data={"interaction_id": said, "direction": "in", "channel": one.channel, "automatic": False, "new": first},
        )  # fmt: skip
        one.heard, one.waiting = at, one.waiting or at
        if first:
            self._log(one, at, "entry.queued", {"entry_id": one.entry, "channel": one.channel, "queued_at": when})
            self._bucket(one)[0] += 1
            self._count_flow(one.queue, at, 0)

    def _take(self, one: Conversation, at: float) -> None:
        """Offered to an agent, and accepted."""
        people = self._center.queues[one.queue]
        one.agent = people[min(len(people) - 1, int(self._draw.expovariate(1 / 2)))]
        one.offer = next(self._ids["offer"])
        offered, waited = at - 3, max(0.0, at - one.began)
        when = moment(at)
        add = self._rows.add
        add("offer", one.offer, one.entry, one.agent, "accepted", moment(offered), moment(offered + 60), when, 1)
        why = _json([{"agent_id": agent, "reason": "longest_idle"} for agent in people[:5]])
        add("decision", one.entry, one.offer, one.agent, one.began, "longest_idle", why, moment(offered))
        facts = {"offer_id": one.offer, "entry_id": one.entry, "conversation_id": one.id}
        self._log(one, offered, "offer.created", facts, agent=one.agent)
        self._log(one, at, "offer.ended", {**facts, "state": "accepted"}, agent=one.agent)
        in_target = waited <= 120
        wait = {"entry_id": one.entry, "channel": one.channel, "queued_at": moment(one.began), "wait_seconds": waited}
        self._log(one, at, "entry.answered", {**wait, "in_target": in_target}, agent=one.agent)
        self._event(one, at, "conversation.assigned", data={"conversation_id": one.id}, agent=one.agent)
        bucket = self._bucket(one)
        bucket[1] += 1
        bucket[2] += in_target
        bucket[3] += waited
        self._count_flow(one.queue, at, 1)

    def _answer(self, one: Conversation, at: float) -> None:
        text = self._words.message(one.person.language, self._draw)
        account, when = self._center.accounts[one.channel], moment(at)
        note = self._draw.random() < 0.08
        said = self._interaction(one, at, "internal" if note else "out", text, client=f"history-{one.id}-{one.seq}")
        data = {"interaction_id": said, "direction": "internal" if note else "out", "channel": one.channel}
        self._event(one, at, "interaction.created", data={**data, "kind": "note"} if note else data, agent=one.agent)
        if note:
            return
        payload = _json({"to": one.person.mail, "text": text})
        one.sends.append(
            (said, one.id, account.id, account.connector, payload, "sent", 1, 1, when, f"out{said}@history.example",
             when, when, when)
        )  # fmt: skip
        one.spoke, one.replied, one.waiting = at, one.replied or at, None

    def _interaction(  # noqa: PLR0913 - as many columns differ
        self, one: Conversation, at: float, direction: str, text: str, *, external: str | None = None,
        client: str | None = None, raw: int | None = None, meta: str = "{}",
    ) -> int:  # fmt: skip
        number = next(self._ids["interaction"])
        note = direction == "internal"
        one.seq += 1
        one.preview = one.preview if note else text[:200]
        one.said = one.said if note else one.seq
        self._rows.add(
            "interaction", number, one.id, self._contact(one.contact), one.seq,
            "note" if note else "message", direction,
            None if note else one.channel, None if note else self._center.accounts[one.channel].id,
            None if note else self._of(one), None if direction == "in" else one.agent,
            "" if note else one.subject, text, None, external, client,
            "received" if direction == "in" else "sent" if direction == "out" else "received", direction == "in", meta,
            raw, moment(at),
        )  # fmt: skip
        self.interactions += 1
        return number

    def _of(self, one: Conversation) -> int:
        """The id of the address that is written from and to."""
        return self._address(one.contact) + {"email": 0, "chat": 2}.get(one.channel, 1)

    # -- ends --------------------------------------------------------------------------------------------------------
    def _finish(self, one: Conversation, at: float) -> None:
        if one.fate != "resolved":
            self._leave_open(one)
            return
        if one.agent is None:
            self._take(one, at - 5)
        if one.agent and self._draw.random() < 0.1:
            comment = self._words.message(one.person.language, self._draw)[:80]
            score = self._draw.choice((1, 3, 4, 4, 5, 5, 5))
            one.sends.append(("rating", one.agent, score, comment, moment(at), one.queue))
        one.seq += 1
        self._log(one, at, "conversation.resolved", {"disposition": "solved"}, seq=one.seq)
        handled = {
            "entry_id": one.entry,
            "channel": one.channel,
            "outcome": "resolved",
            "handle_seconds": at - one.began,
        }
        self._log(one, at, "entry.closed", handled, agent=one.agent)
        self._store(one, "resolved", at)
        self._enqueue(one, "closed", at)

    def _leave_open(self, one: Conversation) -> None:
        """As it stands when time is up: on a desk, put aside, or waiting."""
        at = max(one.heard or one.began, one.spoke or one.began)
        if one.fate == "snoozed" and one.agent is not None:
            one.waiting = None
            self._store(one, "snoozed", at)
            self._enqueue(one, "closed", at)
            return
        if one.fate == "desk" and one.agent is None:
            self._take(one, at + 1)
        self._store(one, "open", at)
        if one.agent is not None or one.waiting is not None:
            self._enqueue(one, "waiting" if one.agent is None else "assigned", None)

    def _store(self, one: Conversation, status: str, at: float) -> None:
        resolved = status == "resolved"
        until = self.size.ended + (1 + one.id % 7) * DAY if status == "snoozed" else None
        self._rows.add(
            "conversation", one.id, self._contact(one.contact), self._center.accounts[one.channel].id, one.channel,
            one.subject, one.preview, status, one.queue, one.agent, one.seq, one.said,
            one.said if resolved or one.id % 3 else 0, None if resolved else moment(one.waiting), moment(one.replied),
            moment(one.heard), moment(one.spoke), moment(until),
            moment(at) if resolved else None, one.agent if resolved else None, "solved" if resolved else None,
            moment(one.began), moment(at),
        )  # fmt: skip
        for send in one.sends:
            if send[0] == "rating":
                self._rows.add("rating", one.id, *send[1:])
            else:
                self._rows.add("outbound", *send)

    def _enqueue(self, one: Conversation, state: str, closed: float | None) -> None:
        taken = one.agent is not None
        self._rows.add(
            "queue_entry", one.entry, one.id, one.queue, one.channel, state, moment(one.began), moment(one.began), 300,
            20, one.agent, one.offer, int(taken), moment(one.replied) if taken else None,
            moment(one.replied) if taken else None, moment(closed), "resolved" if closed else None,
        )  # fmt: skip

    # -- the log and the numbers -------------------------------------------------------------------------------------
    def _event(
        self, one: Conversation, at: float, kind: str, *, data: Mapping[str, object], agent: int | None = None,
        contact: bool = False,
    ) -> None:  # fmt: skip
        """On the conversation's topic: what is said has its number already."""
        if kind != "interaction.created":
            one.seq += 1
        self._log(one, at, kind, data, agent=agent, seq=one.seq, contact=contact)

    def _log(  # noqa: PLR0913 - an event has that many ends
        self, one: Conversation, at: float, kind: str, data: Mapping[str, object], *, agent: int | None = None,
        seq: int | None = None, contact: bool = False,
    ) -> None:  # fmt: skip
        person = self._contact(one.contact) if contact else None
        self._rows.add("event", moment(at), kind, person, one.id, seq, agent, one.queue, agent, _json(data))

    def _bucket(self, one: Conversation) -> list[float]:
        return self._buckets.setdefault((one.queue, one.channel, int(one.began // 900)), [0, 0, 0, 0.0])

    def _count_flow(self, queue: int, at: float, which: int) -> None:
        self._flow.setdefault((queue, int(at // 300)), [0, 0])[which] += 1

    def _settle_numbers(self, before: float) -> None:
        """Write what no wait will change any more."""
        if len(self._buckets) < 5_000 and before != float("inf"):
            return
        for key in [key for key in self._buckets if key[2] * 900 < before]:
            entered, answered, in_target, waited = self._buckets.pop(key)
            self._rows.add(
                "stat_bucket", key[0], key[1], moment(key[2] * 900), int(entered), int(answered), int(in_target), waited
            )
        for flow in [flow for flow in self._flow if flow[1] * 300 < before]:
            self._rows.add("stat_flow", flow[0], moment(flow[1] * 300), *self._flow.pop(flow))
