"""The present in which a history ends: a center that keeps up, with a few who have just written."""

from __future__ import annotations

from collections import Counter

from hub.demo.history.past import DAY, Center, Conversation, Past, Size
from hub.demo.history.rows import Rows

DESK = 3  # conversations that an agent has open: light enough for offers
RECENT = 100  # of the last conversations, about, some are still open
NEW = 8  # customers who wait as it ends, at most
WAITED = 240.0  # seconds that the first of them has waited: less than any queue's target


class Present(Past):
    """A past without a backlog: whoever wrote was answered, and what is open is of the last days."""

    def __init__(self, size: Size, center: Center, rows: Rows):
        super().__init__(size, center, rows)
        self._desks: Counter[int | None] = Counter()
        a_day = size.conversations / (0.7 * (size.ended - size.began) / DAY)  # as it ends; see `_start`
        self._open = DAY * min(10.0, max(0.5, RECENT / a_day))  # seconds back from the end

    def arrive(self, now: float) -> None:
        """After `play`: those who have written in the last minutes and wait. `now`: when whoever looks may do so."""
        people = max(1, min(NEW, self.size.conversations // 20))
        for number in range(people):
            at = now - WAITED * (people - number) / people
            channel = ("email", "sms", "email", "whatsapp")[number % 4]
            one = self._new(at, self._somebody(channel), channel, 0)
            one.fate = "waiting"
            self._hear(one, at)
            super()._leave_open(one)

    def _somebody(self, channel: str) -> int:
        """A customer with an address on the channel; see `_introduce`."""
        while True:
            number = self._draw.randint(1, self.size.conversations)
            kind = "email" if number % 4 == 0 else "whatsapp" if number % 6 == 1 else "sms"
            if channel in ("email", kind):
                return number

    def _fate(self, at: float, channel: str) -> str:
        age = self.size.ended - at
        if channel == "chat":  # nobody's window is open any more
            return "resolved"
        return self._draw.choices(
            ("resolved", "desk", "snoozed"), (60, 40 if age < self._open else 0, 10 if age < 3 * self._open else 0)
        )[0]

    def _leave_open(self, one: Conversation) -> None:
        at = max(one.heard or one.began, one.spoke or one.began)
        while one.waiting is not None:  # a note answers nobody
            at = min(self.size.ended, at + self._draw.uniform(60, 600))
            if one.agent is None:
                self._take(one, (one.began + at) / 2)
            self._answer(one, at)
        on_desk = one.fate != "snoozed"
        if one.channel == "chat" or (on_desk and self._desks[one.agent] >= DESK):
            one.fate = "resolved"
            self._finish(one, at)
            return
        self._desks[one.agent] += on_desk
        super()._leave_open(one)
