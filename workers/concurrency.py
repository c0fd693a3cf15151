"""How many sends may be on their way at once: by account, by recipient domain, and for one connector in all."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from hub.channels.extras import Bounded
from hub.channels.model import Account, Connector
from hub.messages.delivery import Claimed
from hub.messages.outbox import Seats

AT_ONCE = 128  # sends of one connector in flight in one worker
OF_ONE_ACCOUNT = 32  # of those, where the connector says nothing else
SLOW = 15.0  # seconds on the wire after which a send's place is given to another, where others get through


@dataclass(slots=True)
class Flight:
    """One send on its way. `crossed`: when it went onto the wire, by this process's clock."""

    claim: Claimed
    crossed: float | None = None

    @property
    def is_slow(self) -> bool:
        """Whether it has been on the wire for long."""
        return self.crossed is not None and time.monotonic() - self.crossed > SLOW


@dataclass(slots=True)
class Places:
    """The flights of one connector, and the room that they leave.

    A server that answers nobody keeps the places it has; one that answers others while some sends hang does not lose
    them all to those. A domain never gets all places of an account.
    """

    connector: Connector | None
    flights: dict[int, Flight] = field(default_factory=dict[int, Flight])
    _through: dict[int, float] = field(default_factory=dict[int, float])  # when a send of an account last got through
    after: dict[int, str] = field(default_factory=dict[int, str])
    _paused: dict[int, float] = field(default_factory=dict[int, float])  # until when, by account

    def pause(self, account_id: int, seconds: float) -> None:
        """Its server asked for a moment's peace."""
        self._paused[account_id] = time.monotonic() + seconds

    def got_through(self, account_id: int) -> None:
        """A server has taken something."""
        self._through[account_id] = time.monotonic()

    @property
    def room(self) -> int:
        """For how many more there is room in all."""
        slow = sum(flight.is_slow for flight in self.flights.values())
        return min(AT_ONCE - len(self.flights) + slow, 4 * AT_ONCE - len(self.flights))

    def seats(self, accounts: Iterable[Account]) -> dict[int, Seats]:
        """The room for each account."""
        by_account: dict[int, list[Flight]] = defaultdict(list)
        for flight in self.flights.values():
            by_account[flight.claim.account_id].append(flight)
        return {account.id: self._seats(account, by_account[account.id]) for account in accounts}

    def _seats(self, account: Account, flights: list[Flight]) -> Seats:
        most, of_lane = self._bounds(account)
        alive = time.monotonic() - self._through.get(account.id, float("-inf")) < 4 * SLOW
        counted = sum(not (alive and flight.is_slow) for flight in flights)
        lanes = Counter(flight.claim.lane for flight in flights)
        room = max(0, min(most - counted, 4 * most - len(flights)))
        if time.monotonic() < self._paused.get(account.id, 0.0):
            room = 0
        return Seats(room, of_lane, dict(lanes), self.after.get(account.id, ""))

    def _bounds(self, account: Account) -> tuple[int, int]:
        if isinstance(self.connector, Bounded):
            return self.connector.at_once(account)
        return OF_ONE_ACCOUNT, OF_ONE_ACCOUNT
