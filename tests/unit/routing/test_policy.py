"""The choice, without a database."""

from __future__ import annotations

from routing import policy
from routing.model import AgentFacts, Channel, Pick, Waiting
from routing.policy import ANYBODY, Step
from routing.pool import Pool

CHANNELS = {"voice": Channel(1, 20, auto_accept=False), "chat": Channel(4, 30, auto_accept=False)}


def agent(
    number: int,
    *,
    queues: tuple[int, ...] = (1,),
    skills: dict[str, int] | None = None,
    idle: float = 0,
    state: str = "available",
) -> AgentFacts:
    return AgentFacts(number, 100, state, None, idle, queues, tuple(sorted((skills or {}).items())), {})


def item(
    number: int, due: float = 0, *, queue: int = 1, step: Step = ANYBODY, channel: str = "voice", **how: object
) -> Waiting:
    weight = 100 if channel == "voice" else 25
    steps = (step,) if step.until is None else (step, ANYBODY)
    w = Waiting(number, number, queue, channel, 0, 0, due, weight, steps, None, 0, {})
    for name, value in how.items():
        setattr(w, name, value)
    return w


def pool(*agents: AgentFacts) -> Pool:
    made = Pool(CHANNELS)
    for facts in agents:
        made.set_agent(facts, 0)
    made.decide(0, 100)
    return made


def chosen(picks: list[Pick]) -> list[tuple[int, int]]:
    return [(p.entry_id, p.agent_id) for p in picks]


def test_steps_end_open_when_the_last_is_timed() -> None:
    steps = policy.parse_steps([{"skills": {"law": 3}, "seconds": 30}, {"skills": {"law": 1}, "seconds": 60}])
    assert [policy.step_at(steps, age) for age in (0, 29, 30, 59, 60, 1e9)] == [0, 0, 1, 1, 2, 2]
    assert steps[2] == ANYBODY
    assert policy.parse_steps([]) == (ANYBODY,)


def test_level_is_of_the_weakest_skill() -> None:
    step = Step((("law", 2), ("tax", 1)))
    assert policy.level(step, {"law": 5, "tax": 3}) == 3
    assert policy.level(step, {"law": 1, "tax": 3}) is None
    assert policy.level(ANYBODY, {}) == policy.MAX_LEVEL


def test_longest_idle_is_asked_among_equals() -> None:
    p = pool(agent(1, idle=50), agent(2, idle=10), agent(3, idle=30))
    p.wait(item(1), 60)
    assert chosen(p.decide(60, 10)) == [(1, 2)]


def test_specialist_is_asked_before_the_flexible_of_the_same_level() -> None:
    p = pool(agent(1, queues=(1, 2), idle=0), agent(2, queues=(1,), idle=50))
    p.wait(item(1), 60)
    assert chosen(p.decide(60, 10)) == [(1, 2)]


def test_free_agent_takes_what_is_due_first() -> None:
    p = pool()
    for number, due in ((1, 30), (2, 10), (3, 20)):
        p.wait(item(number, due), 0)
    p.decide(0, 10)
    p.set_agent(agent(1), 0)
    assert chosen(p.decide(0, 10)) == [(2, 1)]


def test_level_is_worth_some_waiting_of_others() -> None:
    # Level 3 of 5 in law: 400 seconds behind what anybody does fully.
    for law_due, expected in ((-390, 2), (-410, 1)):
        p = pool()
        p.wait(item(1, law_due, step=Step((("law", 1),))), 0)
        p.wait(item(2, 0), 0)
        p.decide(0, 10)
        p.set_agent(agent(1, skills={"law": 3}), 0)
        assert chosen(p.decide(0, 10)) == [(expected, 1)]


def test_unservable_head_blocks_nobody() -> None:
    p = pool(agent(1, skills={}))
    for number in range(1000):
        p.wait(item(number, -1000, step=Step((("law", 5),))), 0)
    p.wait(item(5000, 50), 0)
    assert chosen(p.decide(0, 10)) == [(5000, 1)]


def test_capacity_counts_weights_and_channel_maximum() -> None:
    p = pool(agent(1))
    for number in range(6):
        p.wait(item(number, number, channel="chat"), 0)
    assert chosen(p.decide(0, 10)) == [(n, 1) for n in range(4)]
    p.forget(0)
    assert chosen(p.decide(0, 10)) == [(4, 1)]


def test_excluded_agent_is_asked_again_when_the_time_is_over() -> None:
    p = pool(agent(1))
    p.wait(item(1, excluded={1: 60.0}), 0)
    assert p.decide(0, 10) == []
    assert p.next_timer() == 60
    assert chosen(p.decide(61, 10)) == [(1, 1)]


def test_excluded_item_goes_to_another_at_once() -> None:
    p = pool(agent(1))
    p.wait(item(1, excluded={1: 60.0}), 0)
    p.decide(0, 10)
    p.set_agent(agent(2), 1)
    assert chosen(p.decide(1, 10)) == [(1, 2)]


def test_held_item_waits_for_its_agent_only_while_they_are_present() -> None:
    p = pool(agent(1, state="busy"), agent(2))
    p.wait(item(1, sticky_agent_id=1, sticky_until=100.0), 0)
    assert p.decide(0, 10) == []
    p.set_agent(agent(1, state="away"), 1)
    assert chosen(p.decide(1, 10)) == [(1, 2)]


def test_held_item_goes_to_its_agent_without_the_skill() -> None:
    p = pool(agent(1), agent(2, skills={"law": 5}))
    p.wait(item(1, sticky_agent_id=1, sticky_until=100.0, steps=(Step((("law", 3),)),)), 0)
    assert chosen(p.decide(0, 10)) == [(1, 1)]


def test_requirement_relaxes_with_time() -> None:
    p = pool(agent(1))
    p.wait(item(1, step=Step((("law", 3),), 30)), 0)
    assert p.decide(29, 10) == []
    assert chosen(p.decide(30, 10)) == [(1, 1)]


def test_limit_cuts_a_batch_without_losing_anything() -> None:
    p = pool(*[agent(n) for n in range(1, 8)])
    for number in range(7):
        p.wait(item(number, number), 0)
    seen = [*p.decide(0, 3), *p.decide(0, 3), *p.decide(0, 3)]
    assert sorted(e for e, _ in chosen(seen)) == list(range(7))
    assert len({a for _, a in chosen(seen)}) == 7


def test_paused_agent_is_left_alone_until_then() -> None:
    p = pool(agent(1))
    p.pause(1, 5)
    p.wait(item(1), 0)
    assert p.decide(0, 10) == []
    assert chosen(p.decide(5, 10)) == [(1, 1)]


def test_who_declined_is_not_asked_again_when_they_had_chosen_it_themselves() -> None:
    p = pool()
    p.wait(item(1), 0)
    p.decide(0, 10)
    p.set_agent(agent(1), 0)  # takes it on becoming free, so that its place stays behind in the heap
    assert chosen(p.decide(0, 10)) == [(1, 1)]
    p.wait(item(1, excluded={1: 60.0}), 1)
    assert p.decide(1, 10) == []


def test_held_item_goes_to_its_agent_when_they_come_back_without_the_skill() -> None:
    p = pool(agent(1, state="away"))
    p.wait(item(1, sticky_agent_id=1, sticky_until=100.0, steps=(Step((("law", 3),)),)), 0)
    assert p.decide(0, 10) == []
    p.set_agent(agent(1), 1)
    assert chosen(p.decide(1, 10)) == [(1, 1)]
