"""What holds of a blended desk after any day: its rule, recounted by a plain model."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.provisioning.yielding import circle
from routing import policy
from routing.model import AgentFacts, Channel, Waiting
from routing.policy import ANYBODY
from routing.pool import Pool
from tests.unit.routing import world
from tests.unit.routing.world import BLENDED, QUEUES, WEIGHTS, Op, days

KINDS = ("agent", "agent", "agent", "arrive", "arrive", "arrive", "arrive", "end", "end", "decline", "silence", "message", "later", "pause")  # fmt: skip
BUSY = ("arrive", "arrive", "arrive", "arrive", "end", "end", "later", "silence", "message", "decline", "leave")
CALL = 100


class Day:
    """A day carried out in a pool, and all that is known of it beside."""

    def __init__(self, channels: dict[str, Channel] = BLENDED):
        self.pool = Pool(channels)
        self.channels = channels
        self.now = 1000.0
        self.number = 0
        self.people: dict[int, AgentFacts] = {}
        self.paused: dict[int, float] = {}
        self.held: dict[int, tuple[int, str, int]] = {}  # entry -> agent, channel, weight
        self.silent: dict[int, tuple[int, str, int]] = {}
        self.waiting: dict[int, Waiting] = {}
        self.served: dict[int, Waiting] = {}

    # -- what happens ----------------------------------------------------------------------------------------
    def do(self, op: Op) -> None:
        getattr(self, f"_{op.what}")(op)
        self.decide()

    def decide(self) -> None:
        while picks := self.pool.decide(self.now, 1):
            for pick in picks:
                w = self.waiting.pop(pick.entry_id)
                self.gives(w, pick.agent_id)
                self.served[w.id] = w
                self.held[w.id] = (pick.agent_id, w.channel, w.weight)
        self.pool.kept.clear()

    def _agent(self, op: Op) -> None:
        facts = world.facts(op, self.now, capacities=(100, 100, 100, 50, 200))
        self.people[facts.id] = facts
        self.pool.set_agent(facts, self.now)

    def _leave(self, op: Op) -> None:
        """Somebody goes away, or comes back."""
        if (facts := self.people.get(op.a + 1)) is not None:
            self.people[facts.id] = replace(facts, state="away" if facts.state == "available" else "available")
            self.pool.set_agent(self.people[facts.id], self.now)

    def _arrive(self, op: Op) -> None:
        self.number += 1
        channel = ("voice", "chat", "chat", "sms", "email", "whatsapp")[op.c % 6]
        w = world.waiting(op, self.number, self.now, channel, WEIGHTS[channel], QUEUES[channel] if op.b % 4 else 1)
        self.waits(w)

    def waits(self, w: Waiting) -> None:
        self.waiting[w.id] = w
        self.pool.wait(w, self.now)

    def _entry(self, op: Op, among: dict[int, tuple[int, str, int]]) -> int | None:
        return sorted(among)[op.b % len(among)] if among else None

    def _end(self, op: Op) -> None:
        if (entry := self._entry(op, self.held)) is not None:
            del self.held[entry]
            self.pool.forget(entry)

    def _decline(self, op: Op) -> None:
        if (entry := self._entry(op, self.held)) is not None:
            agent, _, _ = self.held.pop(entry)
            w = self.served[entry]
            w.excluded = {**w.excluded, agent: self.now + 60}
            w.sticky_agent_id = None
            self.waits(w)

    def _silence(self, op: Op) -> None:
        if (entry := self._entry(op, self.held)) is not None:
            self.silent[entry] = self.held.pop(entry)
            self.pool.forget(entry)

    def _message(self, op: Op) -> None:
        if (entry := self._entry(op, self.silent)) is not None:
            agent, channel, weight = self.silent.pop(entry)
            w = self.served[entry]
            w.due, w.queued, w.excluded, w.sticky_agent_id = self.now + 600, self.now, {}, None
            if self.pool.fits(agent, channel, weight, w.queue_id):
                assert self.room(agent, channel) >= weight
                self.held[entry] = (agent, channel, weight)
                self.pool.hold(entry, agent, channel, weight)
            else:
                self.waits(w)

    def _later(self, op: Op) -> None:
        self.now += op.b

    def _pause(self, op: Op) -> None:
        if op.a + 1 in self.people:
            self.paused[op.a + 1] = self.now + 5
            self.pool.pause(op.a + 1, self.now + 5)

    # -- the plain model -------------------------------------------------------------------------------------
    def counted(self, agent: int, channel: str) -> int:
        """What an agent holds as a channel sees it."""
        return sum(
            weight
            for who, of, weight in self.held.values()
            if who == agent and channel not in self.channels[of].yields_to
        )

    def room(self, agent: int, channel: str) -> int:
        return self.people[agent].capacity - self.counted(agent, channel)

    def within_maximum(self, agent: int, channel: str) -> bool:
        held = sum(1 for who, of, _ in self.held.values() if (who, of) == (agent, channel))
        return held < self.people[agent].maxima.get(channel, self.channels[channel].max_per_agent)

    def may(self, agent: int, w: Waiting) -> bool:
        """Whether somebody is in its queue and has the skill asked for now."""
        p = self.people[agent]
        step = w.steps[policy.step_at(w.steps, self.now - w.queued)]
        return w.queue_id in p.queues and policy.level(step, dict(p.skills)) is not None

    def ready(self, agent: int) -> bool:
        return self.people[agent].state == "available" and self.paused.get(agent, 0.0) <= self.now

    def fits(self, agent: int, channel: str, weight: int) -> bool:
        return self.room(agent, channel) >= weight and self.within_maximum(agent, channel)

    def reserves(self, agent: int) -> list[tuple[str, int, int, int, int]]:
        """(channel, weight, eligible, free, in progress) of each heavy group that an agent serves."""
        found: list[tuple[str, int, int, int, int]] = []
        for group in self.pool.crew.groups.values():
            mine = [
                a
                for a in self.people
                if self.eligible(a, group.queue_id, group.step) and 0 < self.people[a].capacity <= group.weight
            ]
            if not self.eligible(agent, group.queue_id, group.step):
                continue
            able = [
                a
                for a in mine
                if self.people[a].state == "available" and self.people[a].maxima.get(group.channel, group.most) > 0
            ]
            free = sum(1 for a in able if self.ready(a) and self.fits(a, group.channel, group.weight))
            busy = sum(1 for who, of, _ in self.held.values() if who in mine and of == group.channel)
            found.append((group.channel, group.weight, len(able), free, busy))
        return found  # fmt: skip

    def eligible(self, agent: int, queue: int, step: policy.Step) -> bool:
        p = self.people[agent]
        return queue in p.queues and policy.level(step, dict(p.skills)) is not None

    def locked(self, agent: int, w: Waiting) -> bool:
        """Whether a free agent is kept from an entry for heavy work."""
        if w.due <= self.now or w.weight >= CALL:
            return False
        for channel, weight, able, free, busy in self.reserves(agent):
            kept = min(math.ceil(1.5 * math.sqrt(busy)), able // 5)
            if able < 5 or busy == 0:
                assert kept == 0
            if channel in self.channels[w.channel].yields_to or not kept or free > kept:
                continue
            if 0 < self.people[agent].capacity <= weight and self.fits(agent, channel, weight):
                return True
        return False

    # -- what has to hold ------------------------------------------------------------------------------------
    def gives(self, w: Waiting, agent: int) -> None:
        """Before an entry is given: the agent may have it, and what counts against it leaves room."""
        assert self.ready(agent)
        assert self.fits(agent, w.channel, w.weight)
        assert w.excluded.get(agent, 0.0) <= self.now
        assert self.may(agent, w) or w.sticky_agent_id == agent
        assert not self.locked(agent, w) or w.sticky_agent_id == agent

    def nothing_waits_that_somebody_could_take(self) -> None:
        until = self.pool.next_timer()
        for w in self.waiting.values():
            held_for = self.held_for(w)
            for agent in self.people if held_for is None else {held_for} & set(self.people):
                if not self.ready(agent) or not self.fits(agent, w.channel, w.weight):
                    continue
                if held_for is None and (not self.may(agent, w) or w.excluded.get(agent, 0.0) > self.now):
                    continue
                assert held_for is None
                assert self.locked(agent, w), (w, agent)
                assert until is not None
                assert until <= w.due

    def held_for(self, w: Waiting) -> int | None:
        who = w.sticky_agent_id
        if who is None or w.sticky_until <= self.now or w.excluded.get(who, 0.0) > self.now or who not in self.people:
            return None
        return who if self.people[who].state in ("available", "busy") else None

    def counts_are_a_recount(self, pool: Pool) -> None:
        for number, facts in self.people.items():
            agent = pool.agents[number]
            assert agent.used == sum(weight for who, _, weight in self.held.values() if who == number)
            for view, blind in enumerate(v.blind for v in pool.crew.views):
                counted = sum(weight for who, of, weight in self.held.values() if who == number and of not in blind)
                assert agent.rooms[view] == facts.capacity - counted

    def reserves_are_a_recount(self) -> None:
        for reserve in self.pool.crew.reserves:
            group = reserve.group
            if not group.profiles:
                continue
            members = [a for _, _, _, p in group.profiles for a in p.agents]
            assert sorted(members) == sorted(a for a in self.people if self.eligible(a, group.queue_id, group.step))
            if members:
                counts = (
                    reserve.kind.channel,
                    reserve.kind.weight,
                    reserve.eligible,
                    reserve.free,
                    reserve.in_progress,
                )
                assert counts in self.reserves(members[0])

    def rebuilt(self) -> Pool:
        """A pool made anew of what is so now."""
        pool = Pool(self.channels)
        for group in self.pool.crew.groups.values():
            pool.learn(group.queue_id, group.channel, group.weight, group.step)
        for facts in self.people.values():
            pool.set_agent(facts, self.now)
        for entry, (agent, channel, weight) in self.held.items():
            pool.hold(entry, agent, channel, weight)
        for agent, until in self.paused.items():
            if until > self.now:
                pool.pause(agent, until)
        return pool


def numbers(pool: Pool) -> dict[tuple[int, str, int, int], tuple[int, int, int, int]]:
    return {
        (r.group.queue_id, r.group.channel, r.group.weight, id(r.group.step)): (
            r.eligible,
            r.free,
            r.in_progress,
            r.kept,
        )
        for r in pool.crew.reserves
        if r.eligible or r.in_progress
    }


def is_right(day: Day) -> None:
    day.nothing_waits_that_somebody_could_take()
    day.counts_are_a_recount(day.pool)
    day.reserves_are_a_recount()


@settings(max_examples=300, deadline=None)
@given(days(KINDS, 70))
def test_every_invariant_holds_after_any_day(steps: list[Op]) -> None:
    day = Day()
    for op in steps:
        day.do(op)
        is_right(day)
    again = day.rebuilt()
    day.counts_are_a_recount(again)
    if (
        again.crew.reserves
    ):  # none are kept where light and heavy work have not met yet; a pool remembers that they have
        assert numbers(again) == numbers(day.pool)


@settings(max_examples=500, deadline=None)
@given(st.integers(5, 12), st.integers(1, 9), days(BUSY, 40))
@example(9, 8, [Op("arrive", 0, 1, 1), Op("arrive", 8, 44, 1)])  # who was kept free is given work that is theirs
def test_every_invariant_holds_when_few_of_many_are_free(people: int, busy: int, steps: list[Op]) -> None:
    day = desk_of(people, busy=min(busy, people - 1))
    for op in steps:
        day.do(op)
        is_right(day)
    assert numbers(day.rebuilt()) == numbers(day.pool)


def desk_of(count: int, *, busy: int = 0) -> Day:
    """So many agents alike, some of them on a call."""
    day = Day()
    for number in range(1, count + 1):
        facts = AgentFacts(number, 100, "available", None, float(number), (1, 2, 3), (), {})
        day.people[number] = facts
        day.pool.set_agent(facts, day.now)
    for _ in range(busy):
        arrives(day, "voice")
    return day


def arrives(day: Day, channel: str, *, target: float = 600.0) -> int | None:
    """Who is given the next item of a channel."""
    day.number += 1
    w = Waiting(day.number, day.number, QUEUES[channel], channel, day.now, day.now, day.now + target, WEIGHTS[channel], (ANYBODY,), None, 0.0, {})  # fmt: skip
    day.waits(w)
    day.decide()
    held = day.held.get(day.number)
    return None if held is None else held[0]


def test_work_that_yields_leaves_room_for_a_call_and_none_for_more_of_its_own() -> None:
    day = desk_of(1)
    assert [arrives(day, "email") for _ in range(11)] == [1] * 10 + [None]
    assert arrives(day, "chat") == 1  # nor does it keep chats away
    day.pool.forget(11 + 1)
    day.held.pop(12)
    assert arrives(day, "voice") == 1
    assert arrives(day, "sms") is None  # a call counts for a text


def test_light_work_is_packed_when_few_are_free_and_spread_when_many_are() -> None:
    few = desk_of(4, busy=2)
    first = arrives(few, "chat")
    assert [arrives(few, "chat") for _ in range(3)] == [first] * 3
    many = desk_of(9)
    assert len({arrives(many, "chat") for _ in range(4)}) == 4


def test_the_last_free_are_kept_for_calls_until_the_chat_is_due() -> None:
    day = desk_of(10, busy=8)  # min(ceil(1.5 * sqrt 8), 10 // 5) = 2 are kept
    assert arrives(day, "chat", target=60) is None
    assert day.pool.next_timer() == day.now + 60
    assert arrives(day, "sms") is not None  # gives way to calls, so it is not kept from anybody
    assert arrives(day, "voice") is not None
    day.now += 60
    day.decide()
    assert not day.waiting


def test_who_becomes_free_takes_the_chat_that_waited_for_it() -> None:
    day = desk_of(10, busy=8)
    assert arrives(day, "chat", target=900) is None
    day.pool.forget(1)
    day.held.pop(1)
    day.decide()
    assert not day.waiting  # three are free, two are kept


def test_a_lock_ends_when_fewer_have_to_be_kept() -> None:
    day = desk_of(10, busy=8)
    assert arrives(day, "chat", target=900) is None
    for number in [a for a in day.people if any(who == a for who, _, _ in day.held.values())][:6]:
        facts = day.people[number]
        day.people[number] = AgentFacts(number, facts.capacity, "away", None, 0.0, facts.queues, (), {})
        day.pool.set_agent(day.people[number], day.now)
    day.decide()  # four of ten are left: nothing is kept of so few
    assert not day.waiting


@pytest.mark.parametrize(
    ("yields", "found"),
    [
        ({"email": ["chat"], "chat": ["voice"], "voice": []}, None),
        ({"sms": ["sms"]}, ["sms", "sms"]),
        ({"a": ["b"], "b": ["a"]}, ["a", "b", "a"]),
    ],
)
def test_channels_that_yield_in_a_circle_are_found(yields: dict[str, list[str]], found: list[str] | None) -> None:
    path = circle(yields)
    assert (path is None) == (found is None)
    assert found is None or path is None or set(path) == set(found)
