"""What a batch of decisions says of itself."""

from __future__ import annotations

from routing.model import Channel, Pick
from routing.offers import beside

CHANNELS = {
    "voice": Channel(1, 20, auto_accept=False),
    "chat": Channel(3, 30, auto_accept=False),
    "email": Channel(5, 60, auto_accept=False, yields_to=frozenset({"voice", "chat"})),
}


def pick(agent: int, channel: str, weight: int) -> Pick:
    return Pick(1, agent, channel, weight, 0.0, 30, [], "[]")


def test_what_is_given_before_counts_as_the_channel_sees_it() -> None:
    batch = [
        pick(1, "email", 20),
        pick(2, "chat", 25),
        pick(1, "email", 20),
        pick(1, "chat", 25),  # mail gives way to it
        pick(1, "email", 20),  # and it does not give way to mail
        pick(1, "voice", 100),
    ]
    assert list(beside(batch, CHANNELS)) == [(0, 0), (0, 0), (20, 1), (0, 0), (65, 2), (25, 0)]


def test_a_channel_nobody_knows_gives_way_to_nothing() -> None:
    assert list(beside([pick(1, "fax", 30), pick(1, "voice", 100)], CHANNELS)) == [(0, 0), (30, 0)]
