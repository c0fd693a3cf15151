"""A blended desk in simulated time: calls, chats, texts and mail for the same agents, chosen by the router's own pool.

What a policy brings is compared with common random numbers: each customer's service and patience are drawn once, so two
runs with one seed differ only by what was changed. The model:

- A call lasts 240 s alone and its caller waits 120 s; a chat 420 s and 240 s. A text conversation has about three turns
  of 90 s, with twenty minutes of the customer's silence between them; a mail takes 240 s, one at a time per agent, in
  the attention that live work leaves. All are means of log-normal draws.
- So many live items of one agent at once slow each other down by 1 + 0.15 (k - 1). What gives way is paused meanwhile.
- Load 1 uses all attention at full concurrency. The mix with a backlog begins with as many overdue mails as the agents
  can answer if they do little else.
- Served in target: calls begun in 20 s, chats in 60 s, texts answered in 10 min, mails in 4 h.

Not modelled: offers that are declined or missed, breaks, transfers.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from routing import policy
from routing.model import AgentFacts, Channel, Waiting
from routing.policy import Blend
from routing.pool import Pool

SLOWING = 0.15
CAPACITY = 100
_SPREAD = 1.0  # standard deviation of whatever is drawn, as a fraction of its mean
_SILENCE = 1200.0
_TURNS = 3.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A channel's customers. Times in seconds; `patience` None: they wait for ever."""

    channel: str
    queue_id: int
    weight: int
    most: int
    service: float
    target: float
    patience: float | None = None


KINDS = (
    Kind("voice", 1, 100, 1, 240, 20, 120),
    Kind("chat", 2, 25, 4, 420, 60, 240),
    Kind("sms", 3, 20, 5, 90, 600),
    Kind("email", 4, 10, 10, 240, 14_400),
)
YIELDS = {"email": frozenset({"voice", "chat", "sms", "whatsapp"}), "sms": frozenset({"voice"})}


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of the load by kind; `backlog`: overdue mails at the beginning, per agent and hour of the run."""

    shares: tuple[float, float, float, float]
    backlog: float = 0.0


MIXES = {
    "call": Mix((0.60, 0.20, 0.10, 0.10)),
    "chat": Mix((0.15, 0.60, 0.15, 0.10)),
    "backlog": Mix((0.45, 0.35, 0.10, 0.10), backlog=9.2),
    "async": Mix((0.15, 0.15, 0.55, 0.15)),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy: how light work is placed, whether it yields, what is kept free, whether silence releases."""

    placement: str = "auto"
    yields: Mapping[str, frozenset[str]] = field(default_factory=lambda: YIELDS)
    blend: Blend = policy.BLEND
    releases: bool = True

    def channels(self) -> dict[str, Channel]:
        """The channels as the pool takes them."""
        nothing = frozenset[str]()
        return {k.channel: Channel(k.most, 0, True, self.yields.get(k.channel, nothing), self.placement) for k in KINDS}


_OFF = Blend(reserve_factor=0)
LEAST_LOAD = Rules("spread", {}, _OFF)
RULES = {
    "0 lowest load, silence keeps its weight": replace(LEAST_LOAD, releases=False),
    "1 lowest load, released meanwhile": LEAST_LOAD,
    "2 most loaded first": Rules("pack", {}, _OFF),
    "4 = 1 + yielding work": Rules("spread", blend=_OFF),
    "4b = 2 + yielding work": Rules("pack", blend=_OFF),
    "9 as by default": Rules(),
}


@dataclass(slots=True)
class Served:
    """What became of one kind's customers."""

    offered: int = 0
    in_target: int = 0
    abandoned: int = 0
    waited: float = 0.0
    handled: int = 0
    handling: float = 0.0  # seconds from being given to being done

    @property
    def miss(self) -> float:
        """Fraction that was not served in target."""
        return 1 - self.in_target / self.offered if self.offered else 0.0


@dataclass(slots=True)
class Item:
    """A customer's call, chat, mail or texts. `work` is left, in seconds alone; `began`: what is measured from."""

    id: int
    kind: Kind
    began: float
    work: float
    patience: float | None
    due: float
    turns: int = 1
    counted: bool = True
    agent: int = 0
    given: float = 0.0


@dataclass(frozen=True, slots=True)
class Desk:
    """What is simulated: `agents` at `load`. Who comes within `seconds` after the `warm_up` is counted."""

    agents: int
    load: float
    mix: Mix
    seconds: float = 6 * 3600
    warm_up: float = 3600


def simulate(desk: Desk, rules: Rules, seed: int) -> dict[str, Served]:
    """One run; what became of the customers of each channel."""
    return _Run(desk, rules, seed).go()


def miss(desk: Desk, served: Mapping[str, Served]) -> float:
    """Customers not served in target, averaged over channels; mail is left out where a backlog of it is wanted."""
    counted = [s.miss for name, s in served.items() if not (desk.mix.backlog and name == "email")]
    return sum(counted) / len(counted)


def attention(kind: Kind) -> float:
    """Seconds of an agent's whole attention that a customer takes at full concurrency."""
    turns = _TURNS if kind.channel == "sms" else 1
    together = 1 if kind.channel == "email" else CAPACITY // kind.weight
    return turns * kind.service * (1 + SLOWING * (together - 1)) / together


class _Draws:
    """Log-normal draws, one source per kind, so that a policy changes nobody's luck but by order."""

    def __init__(self, seed: int):
        self._sources = {k.channel: random.Random(f"{seed} {k.channel}") for k in KINDS}

    def interval(self, kind: Kind, rate: float) -> float:
        return self._sources[kind.channel].expovariate(rate)

    def around(self, kind: Kind, mean: float) -> float:
        sigma = math.sqrt(math.log(1 + _SPREAD**2))
        return self._sources[kind.channel].lognormvariate(math.log(mean) - sigma * sigma / 2, sigma)

    def turns(self, kind: Kind) -> int:
        turns = 1
        while self._sources[kind.channel].random() < 1 - 1 / _TURNS:
            turns += 1
        return turns


class _Person:
    """An agent at work: what they hold, advanced from change to change."""

    __slots__ = ("at", "items", "version")

    def __init__(self) -> None:
        self.items: dict[int, Item] = {}
        self.at = 0.0
        self.version = 0

    def rates(self, yields: Mapping[str, frozenset[str]]) -> list[tuple[Item, float]]:
        """How fast each item in progress goes on."""
        held = {item.kind.channel for item in self.items.values()}
        live = [
            i
            for i in self.items.values()
            if i.kind.channel != "email" and not yields.get(i.kind.channel, _NONE) & held - {i.kind.channel}
        ]
        found = [(item, 1 / (1 + SLOWING * (len(live) - 1))) for item in live]
        spare = 1 - sum(item.kind.weight for item in live) / CAPACITY
        mails = [i for i in self.items.values() if i.kind.channel == "email"]
        if mails and spare > 0:
            found.append((min(mails, key=lambda i: (i.due, i.id)), spare))
        return found

    def advance(self, now: float, yields: Mapping[str, frozenset[str]]) -> None:
        if self.items and now > self.at:
            for item, rate in self.rates(yields):
                item.work -= rate * (now - self.at)
        self.at = now


_NONE: frozenset[str] = frozenset()
_DONE = 1e-6
_PATIENCE = 5 * 3600.0  # seconds a run goes on for those who came within its time


class _Run:
    def __init__(self, desk: Desk, rules: Rules, seed: int):
        self._desk = desk
        self._rules = rules
        self._draws = _Draws(seed)
        self._pool = Pool(rules.channels(), rules.blend)
        self._people = {n: _Person() for n in range(1, desk.agents + 1)}
        self._waiting: dict[int, Item] = {}
        self._events: list[tuple[float, int, str, int, int]] = []  # (when, n, what, of what, version)
        self._order = count()
        self._ids = count(1)
        self._items: dict[int, Item] = {}
        self._ends = desk.warm_up + desk.seconds
        self._open = 0  # counted customers who are not done with
        self._served = {k.channel: Served() for k in KINDS}
        self._rates = {
            k.channel: share * desk.load * desk.agents / attention(k)
            for k, share in zip(KINDS, desk.mix.shares, strict=True)
        }
        for number in self._people:
            facts = AgentFacts(number, CAPACITY, "available", None, 0.0, tuple(k.queue_id for k in KINDS), (), {})
            self._pool.set_agent(facts, 0.0)

    def go(self) -> dict[str, Served]:
        for number, kind in enumerate(KINDS):
            self._later(self._draws.interval(kind, self._rates[kind.channel]), "arrival", number)
        self._pile_up()
        while self._events:
            now, _, what, subject, version = heapq.heappop(self._events)
            if now > self._ends and (not self._open or now > self._ends + _PATIENCE):
                break
            self._happen(now, what, subject, version)
            self._decide(now)
        return self._served

    def _counts(self, began: float) -> bool:
        return self._desk.warm_up <= began < self._ends

    def _later(self, when: float, what: str, subject: int, version: int = 0) -> None:
        heapq.heappush(self._events, (when, next(self._order), what, subject, version))

    def _happen(self, now: float, what: str, subject: int, version: int) -> None:
        if what == "arrival":
            self._arrive(KINDS[subject], now)
        elif what == "impatience":
            self._give_up(subject, now)
        elif what == "message":
            self._write_again(self._items[subject], now)
        elif what == "progress" and self._people[subject].version == version:
            self._finish(subject, now)

    def _arrive(self, kind: Kind, now: float) -> None:
        self._later(now + self._draws.interval(kind, self._rates[kind.channel]), "arrival", KINDS.index(kind))
        turns = self._draws.turns(kind) if kind.channel == "sms" else 1
        patience = None if kind.patience is None else self._draws.around(kind, kind.patience)
        due = policy.due(now, kind.target, 0)
        self._come(Item(next(self._ids), kind, now, self._draws.around(kind, kind.service), patience, due, turns), now)

    def _come(self, item: Item, now: float) -> None:
        """Somebody waits for an agent from now on."""
        item.counted = self._counts(item.began)
        self._items[item.id] = self._waiting[item.id] = item
        self._open += item.counted
        self._served[item.kind.channel].offered += item.counted
        kind = item.kind
        w = Waiting(
            item.id,
            item.id,
            kind.queue_id,
            kind.channel,
            now,
            now,
            item.due,
            kind.weight,
            (policy.ANYBODY,),
            None,
            0.0,
            {},
        )
        self._pool.wait(w, now)
        if item.patience is not None:
            self._later(now + item.patience, "impatience", item.id)

    def _pile_up(self) -> None:
        """The overdue mails of the mix."""
        mail, desk = KINDS[3], self._desk
        for n in range(round(desk.mix.backlog * desk.agents * (desk.warm_up + desk.seconds) / 3600)):
            work = self._draws.around(mail, mail.service)
            self._come(Item(next(self._ids), mail, -1.0, work, None, due=n - 1e6), 0.0)

    def _give_up(self, item_id: int, now: float) -> None:
        item = self._waiting.pop(item_id, None)
        if item is not None:
            self._pool.forget(item_id)
            del self._items[item_id]
            if item.counted:
                self._open -= 1
                self._served[item.kind.channel].abandoned += 1
                self._served[item.kind.channel].waited += now - item.began

    def _write_again(self, item: Item, now: float) -> None:
        """The customer ends their silence: the last agent has it at once if it fits, else it waits anew."""
        item.began, item.due = now, policy.due(now, item.kind.target, 0)
        item.work = self._draws.around(item.kind, item.kind.service)
        fits = self._pool.fits(item.agent, item.kind.channel, item.kind.weight, item.kind.queue_id)
        if self._rules.releases and not fits:
            self._come(item, now)
            return
        item.counted = self._counts(now)
        self._open += item.counted
        self._served[item.kind.channel].offered += item.counted
        if self._rules.releases:
            self._pool.hold(item.id, item.agent, item.kind.channel, item.kind.weight)
        self._take(item, item.agent, now)

    def _decide(self, now: float) -> None:
        while picks := self._pool.decide(now, 64):
            for pick in picks:
                item = self._waiting.pop(pick.entry_id)
                self._begin(item, now)
                self._take(item, pick.agent_id, now)
        timer = self._pool.next_timer()
        if timer is not None:
            self._later(max(timer, now), "look", 0)

    def _begin(self, item: Item, now: float) -> None:
        served = self._served[item.kind.channel]
        if item.counted:
            served.waited += now - item.began
            if item.kind.patience is not None:
                served.in_target += now - item.began <= item.kind.target

    def _take(self, item: Item, agent: int, now: float) -> None:
        person = self._people[agent]
        person.advance(now, self._rules.yields)
        item.agent, item.given = agent, now
        person.items[item.id] = item
        self._schedule(agent, now)

    def _schedule(self, agent: int, now: float) -> None:
        """When the first of an agent's items will be done, unless something changes."""
        person = self._people[agent]
        person.version += 1
        ends = [max(item.work, 0.0) / rate for item, rate in person.rates(self._rules.yields)]
        if ends:
            self._later(now + min(ends), "progress", agent, person.version)

    def _finish(self, agent: int, now: float) -> None:
        person = self._people[agent]
        person.advance(now, self._rules.yields)
        for item in [i for i, _ in person.rates(self._rules.yields) if i.work <= _DONE]:
            del person.items[item.id]
            self._done(item, now)
        self._schedule(agent, now)

    def _done(self, item: Item, now: float) -> None:
        served = self._served[item.kind.channel]
        if item.counted:
            self._open -= 1
            served.handled += 1
            served.handling += now - item.given
            if item.kind.patience is None:
                served.in_target += now - item.began <= item.kind.target
        item.turns -= 1
        if item.turns:
            self._later(now + self._draws.around(item.kind, _SILENCE), "message", item.id)
            if self._rules.releases:
                self._pool.forget(item.id)
            return
        del self._items[item.id]
        self._pool.forget(item.id)
