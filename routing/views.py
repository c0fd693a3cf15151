"""How each channel sees what an agent holds: without the work that gives way to it.

Channels to which the same channels give way share a view; there are as many views as such sets, three by default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from routing.model import Channel


@dataclass(slots=True)
class View:
    """`blind`: channels not counted; `least`: smallest weight asked for; `bits`: of the channels in use."""

    index: int
    blind: frozenset[str]
    least: int = 0
    bits: int = 0


class Views:
    """The views of some channels. A channel that is not named gives way to nothing, and everything counts for it."""

    def __init__(self, channels: Mapping[str, Channel]):
        self._yields = {name: channel.yields_to for name, channel in channels.items()}
        self._live: frozenset[str] = frozenset(chain.from_iterable(self._yields.values()))
        self._views: dict[frozenset[str], View] = {}
        for name in ("", *channels):
            blind = self._blind(name)
            self._views.setdefault(blind, View(len(self._views), blind))

    def _blind(self, channel: str) -> frozenset[str]:
        return frozenset(name for name, yields in self._yields.items() if channel in yields)

    def __len__(self) -> int:
        return len(self._views)

    def __iter__(self) -> Iterator[View]:
        return iter(self._views.values())

    def of(self, channel: str) -> View:
        """The view a channel has."""
        return self._views[self._blind(channel)]

    def yields_to_all(self, channel: str) -> bool:
        """Whether a channel gives way to every channel that something gives way to."""
        yields = self._yields.get(channel)
        return bool(yields) and self._live - {channel} <= yields
