"""Messages that a server could not hand out, and what follows: again, then one by one, then without them.

One mail on which a server stumbles must not keep all that come after it from being fetched. So after two failures of
several together each is asked for alone; one that fails alone, and does so again, is set aside by its name. A
connection that breaks may have done so by chance, so that it takes one failure more than a definite no.

A server that hands out nothing at all, for an hour's limit say, is another matter: whoever sets a message aside has
seen that others are to be had.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.email.imap_errors import Refused, Trouble
from connectors.email.imap_grammar import Found

_TOGETHER = 2  # failures of several messages asked for at once
_REFUSED, _BROKE = 2, 3  # failures of one alone
_NEAR = 5  # other messages asked for, to see whether it is the server that hands out nothing
_LONELY = 4  # failures of the only message there is: nothing says whether another were to be had


@dataclass(slots=True)
class Stumbles:
    """The failures of one folder, by UID."""

    _together: Counter[int] = field(default_factory=Counter[int])
    _alone: Counter[int] = field(default_factory=Counter[int])
    _marking: Counter[int] = field(default_factory=Counter[int])
    _breaking: set[int] = field(default_factory=set[int])  # at which the connection broke when it was only glanced at
    _careful_until: int = 0  # up to this UID each is asked for alone

    def careful(self, uid: int) -> bool:
        """Whether a message is to be asked for alone."""
        return uid <= self._careful_until

    def parts(self, group: Sequence[Found]) -> list[list[Found]]:
        """A group in the pieces in which it is to be asked for."""
        bold = [one for one in group if not self.careful(one.uid)]
        return [*([one] for one in group if self.careful(one.uid)), *([bold] if bold else [])]

    def doubtful(self, uid: int) -> bool:
        """Whether a message has failed alone, so that it may be the server that hands out nothing."""
        return self._alone[uid] > 0

    def neighbours(self, uid: int, others: Sequence[int]) -> list[int]:
        """Messages near one that failed which may show that the server hands out anything."""
        return sorted(set(others) - self._breaking, key=lambda one: (abs(one - uid), one))[:_NEAR]

    def broke_at(self, uid: int) -> None:
        """Note that the connection broke over a neighbour, too: it shows nothing, and is not glanced at again."""
        self._breaking.add(uid)

    def went_well(self) -> None:
        """Note that the server hands out messages; what broke before may have been its bad hour."""
        self._breaking.clear()

    def failed(self, uids: Sequence[int], error: Trouble, *, lonely: bool = False) -> bool:
        """Note that these could not be handed out; whether it is a single one that is to be set aside now."""
        if len(uids) > 1:
            self._together[uids[0]] += 1
            if self._together[uids[0]] >= _TOGETHER:
                self._careful_until = max(self._careful_until, *uids)
            return False
        self._careful_until = max(self._careful_until, uids[0])
        self._alone[uids[0]] += 1
        if lonely:
            return self._alone[uids[0]] >= _LONELY
        return self._alone[uids[0]] >= (_REFUSED if isinstance(error, Refused) else _BROKE)

    def marking_failed(self, uid: int) -> None:
        """Note that messages could not be marked, of which this is the first."""
        self._marking[uid] += 1

    def may_mark(self, uid: int) -> bool:
        """Whether it is worth trying once more: what is kept is kept, marked or not."""
        return self._marking[uid] < _TOGETHER
