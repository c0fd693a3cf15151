"""One telephone call of the stand-in: its states, and waits that a hang-up or a redirect can interrupt."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from hub.demo.twilio.clock import Clock
from hub.demo.twilio.messages import API, sid

FINAL = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})


class HungUp(Exception):
    """The call is over."""


class Redirected(Exception):
    """Somebody sent the call elsewhere."""


@dataclass(frozen=True, slots=True)
class Document:
    """Where a call's instructions are: a URL, or TwiML given at once; `fallback` if the URL fails."""

    url: str = ""
    method: str = "POST"
    twiml: str = ""
    fallback: str = ""


@dataclass(slots=True, eq=False)
class Call:
    """A leg. Times are virtual. `ran` are the verbs it went through, for whoever looks."""

    account_sid: str
    clock: Clock
    to: str
    sender: str
    direction: str
    document: Document
    status: str = "queued"
    callback: str = ""
    events: tuple[str, ...] = ("completed",)
    ring_timeout: float = 60.0
    time_limit: float = 14_400.0
    sid: str = field(default_factory=lambda: sid("CA"))
    created: datetime = field(init=False)
    answered: datetime | None = None
    ended: datetime | None = None
    sequence: int = 0
    keys: deque[str] = field(default_factory=deque[str])
    words: deque[str] = field(default_factory=deque[str])
    played: list[str] = field(default_factory=list[str])  # DTMF and texts somebody heard
    ran: list[str] = field(default_factory=list[str])
    lines: list[str] = field(default_factory=list[str])  # the same as they were written
    parent: str | None = None
    answered_late: asyncio.Event = field(default_factory=asyncio.Event)
    refused: str = ""
    redirect: Document | None = None
    released: bool = False  # from the conference or queue it is in, without being hung up
    _rang: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.created = self.clock.now()

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return self.status in FINAL

    def ring(self) -> None:
        """Wake whoever waits, to look again."""
        self._rang.set()

    def hang_up(self, status: str = "completed") -> bool:
        """End it; False if it had ended."""
        if self.over:
            return False
        self.status, self.ended = status, self.clock.now()
        self.ring()
        return True

    def send_to(self, document: Document) -> None:
        """Interrupt whatever it does."""
        self.redirect = document
        self.ring()

    def press(self, keys: str) -> None:
        """The person at the other end presses keys."""
        self.keys.extend(keys)
        self.ring()

    def say(self, words: str) -> None:
        """The person at the other end speaks."""
        self.words.append(words)
        self.ring()

    async def pause(self, seconds: float | None, *, until_input: bool = False, until_released: bool = False) -> bool:
        """Wait; True when input (or the release) came. `HungUp` and `Redirected` interrupt every wait."""
        ends = None if seconds is None else self.clock.elapsed() + seconds
        while True:
            self._rang.clear()
            if self.over:
                raise HungUp
            if self.redirect is not None:
                raise Redirected
            if (until_input and (self.keys or self.words)) or (until_released and self.released):
                return True
            left = None if ends is None else ends - self.clock.elapsed()
            if left is not None and left <= 0:
                return False
            await self.clock.wait(self._rang, left)

    def seconds(self) -> int:
        """How long it has lasted since it was answered."""
        if self.answered is None:
            return 0
        return max(0, round(((self.ended or self.clock.now()) - self.answered).total_seconds()))

    def form(self) -> dict[str, str]:
        """What every request about this call says."""
        found = {
            "AccountSid": self.account_sid, "ApiVersion": API, "CallSid": self.sid, "CallStatus": self.status,
            "From": self.sender, "To": self.to, "Caller": self.sender, "Called": self.to, "Direction": self.direction,
        }  # fmt: skip
        return found | ({"ParentCallSid": self.parent} if self.parent else {})

    def status_form(self) -> dict[str, str]:
        """What a status callback says, with the next number in the sequence."""
        number, self.sequence = self.sequence, self.sequence + 1
        found = {
            **self.form(), "CallbackSource": "call-progress-events", "SequenceNumber": str(number),
            "Timestamp": format_datetime(self.clock.now()),
        }  # fmt: skip
        if self.over:
            found |= {"CallDuration": str(self.seconds()), "Duration": str((self.seconds() + 59) // 60)}
        return found

    def as_json(self) -> dict[str, Any]:
        """The Call resource."""
        path = f"/{API}/Accounts/{self.account_sid}/Calls/{self.sid}"
        return {
            "sid": self.sid, "account_sid": self.account_sid, "api_version": API, "to": self.to, "from": self.sender,
            "to_formatted": self.to, "from_formatted": self.sender, "phone_number_sid": None, "status": self.status,
            "date_created": format_datetime(self.created), "date_updated": format_datetime(self.clock.now()),
            "start_time": format_datetime(self.answered) if self.answered else None,
            "end_time": format_datetime(self.ended) if self.ended else None,
            "duration": str(self.seconds()) if self.over else None, "direction": self.direction,
            "parent_call_sid": self.parent, "answered_by": None, "forwarded_from": None, "group_sid": None,
            "caller_name": None, "queue_time": "0", "price": None, "price_unit": "USD", "trunk_sid": None,
            "uri": f"{path}.json", "subresource_uris": {"recordings": f"{path}/Recordings.json"},
        }  # fmt: skip
