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

from routing.model import Agent, Asked, Buckets, Item, Profile

_SLACK = 64  # items of the past that a bucket may have beside four per agent


def push(buckets: Buckets, place: tuple[int, int], agent: Agent, size: int) -> None:
    """Put an agent where they are now; `size` is how many there are in all."""
    item = (agent.load, agent.idle_since, agent.id, agent.token, agent)
    heap = buckets.get(place)
    if heap is None:
        buckets[place] = [item]
        return
    if len(heap) > 4 * size + _SLACK:
        heap[:] = [old for old in heap if old[4].token == old[3]]
        heapq.heapify(heap)
    heapq.heappush(heap, item)


def find(profile: Profile, asked: Asked) -> Agent | None:
    """Who of a profile has room for a weight in a view and no barred bit, by `asked`: (view, weight, barred, packed).

    The best of them has least room if packed, then least load, then was idle longest, then has the lowest number. It
    is remembered until one of the profile's agents changes: most that is asked is asked again before.
    """
    best = profile.found[asked] = search(profile, asked, {}, 0.0)
    return best


def search(profile: Profile, asked: Asked, excluded: Mapping[int, float], now: float) -> Agent | None:
    """The same among those who are not `excluded` now."""
    view, weight, barred, packed = asked
    buckets = profile.ready[view]
    best: Item | None = None
    least, empty = 0, list[tuple[int, int]]()
    for place, heap in buckets.items():
        room, bits = place
        if room < weight or bits & barred or (packed and best is not None and room > least):
            continue
        top = heap[0] if not excluded and heap[0][4].token == heap[0][3] else _top(heap, excluded, now)
        if not heap:
            empty.append(place)
        if top is not None and (best is None or (packed and room < least) or top < best):
            best, least = top, room
    for place in empty:
        del buckets[place]
    return None if best is None else best[4]


def _top(heap: list[Item], excluded: Mapping[int, float], now: float) -> Item | None:
    """The best of one bucket. Stepped over are only those the item may not have, and they stay where they are."""
    aside = list[Item]()
    found: Item | None = None
    while heap:
        item = heap[0]
        if item[4].token != item[3]:
            heapq.heappop(heap)
        elif excluded and excluded.get(item[2], 0.0) > now:
            aside.append(heapq.heappop(heap))
        else:
            found = item
            break
    for item in aside:
        heapq.heappush(heap, item)
    return found
