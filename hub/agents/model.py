"""The people who answer, as the rest of the hub and the screens see them."""

from __future__ import annotations

from enum import StrEnum
from typing import TypedDict


class State(StrEnum):
    """What an agent can be doing. Only `available` gets offers."""

    AVAILABLE = "available"
    AWAY = "away"
    BUSY = "busy"
    OFFLINE = "offline"


class Ref(TypedDict):
    """A thing with a name."""

    id: int
    name: str


class Place(Ref):
    """A queue to hand work to: how many serve it, and how many of them are there (available or busy)."""

    people: int
    present: int


class Presence(TypedDict):
    """An agent's state; `since` is RFC 3339."""

    state: str
    reason: str | None
    since: str


class ChannelLoad(TypedDict):
    """How many items of one channel an agent holds, and how many they may."""

    count: int
    max: int


class Load(TypedDict):
    """What an agent holds, in weights: offers, work, wrap-ups. `gives_way`: how much of it does to the rest."""

    used: int
    gives_way: int
    capacity: int
    by_channel: dict[str, ChannelLoad]


class Colleague(TypedDict):
    """One line of the list an agent picks a transfer's target from."""

    id: int
    name: str
    role: str
    state: str
    queues: list[int]
