from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from hub.calls.model import Fact, call_of_room
from hub.calls.times import times

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CUSTOMER, AMY, BEN = 1, 2, 3


def fact(leg: int, kind: str, at: float, seq: int | None = None, **data: object) -> Fact:
    return Fact(leg, kind, seq, START + timedelta(seconds=at), data)


WARM = [
    fact(CUSTOMER, "queue.left", 40, seconds=38, reason="redirected"),
    fact(AMY, "call.initiated", 20, 0),
    fact(AMY, "call.ringing", 21, 1),
    fact(AMY, "call.answered", 38, 2),
    fact(AMY, "participant.joined", 38, 1),
    fact(CUSTOMER, "participant.joined", 40, 2),
    fact(CUSTOMER, "participant.held", 100, 3),
    fact(BEN, "call.initiated", 100, 0),
    fact(BEN, "call.answered", 107, 1),
    fact(BEN, "participant.joined", 107, 4),
    fact(CUSTOMER, "participant.unheld", 130, 5),
    fact(AMY, "participant.left", 140, 6),
    fact(CUSTOMER, "participant.left", 200, 7),
    fact(BEN, "participant.left", 200, 8),
    fact(CUSTOMER, "call.ended", 200, 9),
]


@pytest.mark.parametrize("seed", range(20))
def test_times_are_the_same_in_whatever_order_they_were_reported(seed: int) -> None:
    shuffled = [*WARM]
    random.Random(seed).shuffle(shuffled)
    found = times(shuffled, frozenset({CUSTOMER}), frozenset({AMY, BEN}), START)
    assert (found.wait, found.talk, found.hold) == (38, 130, 30)
    assert found.ring == {AMY: 18, BEN: 7}


def test_hold_ends_with_the_room_when_the_caller_hangs_up_on_hold() -> None:
    facts = [
        fact(AMY, "participant.joined", 0, 1),
        fact(CUSTOMER, "participant.joined", 0, 2),
        fact(CUSTOMER, "participant.held", 10, 3),
        fact(CUSTOMER, "participant.left", 25, 4),
        fact(AMY, "participant.left", 25, 5),
    ]
    found = times(facts, frozenset({CUSTOMER}), frozenset({AMY}), START + timedelta(seconds=99))
    assert (found.wait, found.talk, found.hold) == (None, 10, 15)


def test_ring_is_counted_when_the_end_came_before_the_beginning() -> None:
    facts = [fact(AMY, "call.ended", 20, 2, reason="no_answer"), fact(AMY, "call.ringing", 0, 1)]
    assert times(facts, frozenset(), frozenset({AMY}), START).ring == {AMY: 20}


def test_room_names_say_which_call() -> None:
    assert [call_of_room(name) for name in ("call-12", "call-", "call-x", "stranger", "call-1" + "0" * 30)] == [
        12, None, None, None, None,
    ]  # fmt: skip
