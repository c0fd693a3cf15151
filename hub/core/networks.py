"""Where callers come from, and how much each place may ask for.

Counted in the memory of one process, in a table of bounded size: with several `hub serve` each allows as much. What is
counted is what one subscriber has, a whole IPv4 address or the first 64 bits of an IPv6 one, since the rest of the
latter costs nothing to change.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from aiohttp import web

_KEPT = 50_000  # counters; the ones not used for longest go first, and they are the fullest


def network_of(ip: str) -> str:
    """The part of an address that one subscriber has; what is no address stands for itself, cut."""
    try:
        address = ipaddress.ip_address(ip.split("%")[0])
    except ValueError:
        return ip[:100]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


CALLER: web.AppKey[Callable[[web.Request], str]] = web.AppKey("caller")  # who knows which proxies are ours


def caller(request: web.Request) -> str | None:
    """The network a request comes from; None where that cannot be told.

    Behind a proxy that nobody has told us of everybody has the proxy's address, and would be refused with whoever asks
    too much. Such a proxy stands on the same machine or in the same private network, and says whom it asks for.
    """
    address = request.app.get(CALLER)
    found = network_of(address(request) if address is not None else request.remote or "unknown")
    return None if _may_be_proxy(found, request) else found


def _may_be_proxy(network: str, request: web.Request) -> bool:
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    ours = network_of(request.remote or "") == network  # nobody's word but the connection's
    return ours and forwarded and is_near(network)


def is_near(network: str, *, private: bool = True) -> bool:
    """Whether a network is this machine, or (`private`) one that the world cannot send from."""
    try:
        parsed = ipaddress.ip_network(network)
    except ValueError:
        return False
    return parsed.is_loopback or (private and parsed.is_private)


@dataclass(frozen=True, slots=True)
class Allowance:
    """So much at once, and so much a second after that."""

    burst: float
    per_second: float


class Allowances:
    """Counts what each key has taken of an allowance (a token bucket for each)."""

    def __init__(self, allowance: Allowance):
        self._allowance = allowance
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # what is left, and when

    def take(self, key: Hashable, amount: float = 1.0) -> float:
        """Take some; 0, or the seconds after which there is enough and nothing was taken now."""
        moment = time.monotonic()
        level, at = self._levels.pop(key, (self._allowance.burst, moment))
        level = min(self._allowance.burst, level + (moment - at) * self._allowance.per_second)
        wait = max(0.0, (amount - level) / self._allowance.per_second)
        self._levels[key] = (level if wait else level - amount, moment)
        while len(self._levels) > _KEPT:
            self._levels.popitem(last=False)
        return wait


class Places:
    """Counts what is there at once, for each key and together."""

    def __init__(self, each: int, together: int):
        self._each = each
        self._together = together
        self._taken: dict[Hashable, int] = {}
        self._sum = 0

    def enter(self, key: Hashable, *, bounded: bool = True) -> bool:
        """Take a place, if there is one; not `bounded`: of those for all together only."""
        if self._sum >= self._together or (bounded and self._taken.get(key, 0) >= self._each):
            return False
        self._taken[key] = self._taken.get(key, 0) + 1
        self._sum += 1
        return True

    def leave(self, key: Hashable) -> None:
        """Give it back."""
        self._sum -= 1
        if left := self._taken.pop(key) - 1:
            self._taken[key] = left
