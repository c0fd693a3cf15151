"""What gives way to what: never in a circle, or nobody would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter


def circle(yields: Mapping[str, Iterable[str]]) -> list[str] | None:
    """Channels that give way to each other in a circle, the first of them again at its end; None without one."""
    try:
        TopologicalSorter({name: set(others) for name, others in yields.items()}).prepare()
    except CycleError as error:
        found: list[str] = list(reversed(error.args[1]))
        return found
    return None
