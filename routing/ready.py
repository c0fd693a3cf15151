"""Who is ready, found without looking at those who are not.

Per profile and view the ready agents lie in buckets: by how much room is left, and by what they may not be given
(channels at their maximum) or are kept for (heavy kinds that fit). A search looks at the top of those buckets alone in
which everybody has room, so nobody is stepped over but those whom the item itself must not have. How many agents there
are does not matter, only how many different rooms: some twenty.

What an agent was is recognised by its token and dropped when it comes to the top.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from routing.model import Agent, Buckets, Item

_SLACK = 64  # items of the past that a bucket may have beside four per agent


@dataclass(slots=True)
class Wish:
    """What is looked for: room for `weight`, no `barred` bit, not `excluded` now; least room first if `packed`."""

    weight: int
    barred: int
    packed: bool
    excluded: Mapping[int, float]
    now: float


def push(buckets: Buckets, place: tuple[int, int], agent: Agent, agents: Mapping[int, Agent], size: int) -> None:
    """Put an agent where they are now; `size` is how many there are in all."""
    heap = buckets.get(place)
    if heap is None:
        heap = buckets[place] = []
    elif len(heap) > 4 * size + _SLACK:
        heap[:] = [item for item in heap if agents[item[2]].token == item[3]]
        heapq.heapify(heap)
    heapq.heappush(heap, (agent.load, agent.idle_since, agent.id, agent.token))


def find(buckets: Buckets, wish: Wish, agents: Mapping[int, Agent]) -> Agent | None:
    """The best of those who fit: least room if packed, then least load, longest idle, lowest number."""
    best: Item | None = None
    least, empty = 0, list[tuple[int, int]]()
    for place, heap in buckets.items():
        room, bits = place
        if room < wish.weight or bits & wish.barred or (wish.packed and best is not None and room > least):
            continue
        top = _top(heap, wish, agents)
        if not heap:
            empty.append(place)
        if top is not None and (best is None or (wish.packed and room < least) or top < best):
            best, least = top, room
    for place in empty:
        del buckets[place]
    return None if best is None else agents[best[2]]


def _top(heap: list[Item], wish: Wish, agents: Mapping[int, Agent]) -> Item | None:
    """The best of one bucket. Stepped over are only those the item may not have, and they stay where they are."""
    aside = list[Item]()
    found: Item | None = None
    while heap:
        item = heap[0]
        if agents[item[2]].token != item[3]:
            heapq.heappop(heap)
        elif wish.excluded and wish.excluded.get(item[2], 0.0) > wish.now:
            aside.append(heapq.heappop(heap))
        else:
            found = item
            break
    for item in aside:
        heapq.heappush(heap, item)
    return found
