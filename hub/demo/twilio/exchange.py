"""The telephone exchange of the stand-in: every call, room, queue and recording, and who is rung."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from xml.etree import ElementTree

from hub.demo.twilio.call import FINAL, Call, Document, HungUp, Redirected
from hub.demo.twilio.clock import Clock
from hub.demo.twilio.conferences import Conference, JoinTerms, Participant, Queue, Recording
from hub.demo.twilio.grammar import CONFERENCE_WAIT, BadTwiml, parse
from hub.demo.twilio.messages import ApiError
from hub.demo.twilio.people import Behavior, People
from hub.demo.twilio.verbs import Verbs
from hub.demo.twilio.wire import Wire

EXTRA_RING = 5.0  # a time-out really lasts about so much longer
_REACHABLE = re.compile(r"^(\+[1-9]\d{6,14}|client:[A-Za-z0-9_]{1,121}|sip:.+)$")


@dataclass(slots=True)
class Exchange:
    """Runs calls. `problems` are (Twilio's error code, words): documents it could not read, requests it refused."""

    account_sid: str
    clock: Clock
    wire: Wire
    people: People
    number: str
    voice: Document = field(default_factory=Document)  # what answers our number
    status_url: str = ""  # the number's own status callback: final states only
    calls: dict[str, Call] = field(default_factory=dict[str, Call])
    rooms: dict[str, Conference] = field(default_factory=dict[str, Conference])
    queues: dict[str, Queue] = field(default_factory=dict[str, Queue])
    recordings: dict[str, Recording] = field(default_factory=dict[str, Recording])
    problems: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    transcribed: dict[str, str] = field(default_factory=dict[str, str])  # recording -> words, if somebody spoke

    # -- calls ---------------------------------------------------------------------------------------------------
    def incoming(self, sender: str, to: str | None = None) -> Call:
        """A customer calls our number."""
        call = Call(self.account_sid, self.clock, to or self.number, sender, "inbound", self.voice, status="ringing")
        call.callback = self.status_url
        self.calls[call.sid] = call
        self.wire.go(self._inbound(call))
        return call

    async def _inbound(self, call: Call) -> None:
        try:
            await self.run(call, call.document)
        finally:
            self.over(call)

    def outgoing(self, call: Call, room: tuple[Conference, Participant, JoinTerms] | None = None) -> Call:
        """Ring somebody; once they answer, run the call's document or bring them into a room."""
        if not _REACHABLE.match(call.to):
            raise ApiError(400, 21211, f"The phone number you are attempting to call, {call.to}, is not valid.")
        self.calls[call.sid] = call
        self.wire.go(self._outbound(call, room))
        return call

    async def _outbound(self, call: Call, room: tuple[Conference, Participant, JoinTerms] | None) -> None:
        try:
            if await self.ring(call):
                self.wire.go(self.people.behave(call, self.people.of(call.to)))
                if room is None:
                    await self.run(call, call.document)
                else:
                    await self._in_room(call, *room)
        except HungUp:
            pass
        finally:
            self.over(call)

    async def _in_room(self, call: Call, room: Conference, who: Participant, terms: JoinTerms) -> None:
        try:
            await self.stay(room, who, terms)
        except Redirected:
            await self.run(call, call.document)

    async def ring(self, call: Call) -> bool:
        """Whether they answer; tells each step that was asked for."""
        self.progress(call, "initiated")
        await self.clock.sleep(0.2)
        behavior = self.people.of(call.to)
        if behavior.instead in {"failed", "busy"}:
            call.hang_up(behavior.instead)
            return False
        if not call.over:
            call.status = "ringing"
            self.progress(call, "ringing")
        if behavior.answers is not None:
            call_later(self, call, behavior)
        answered = await self._answered(call)
        if not answered:
            call.hang_up(call.refused or "no-answer")
            return False
        call.status, call.answered = "in-progress", self.clock.now()
        self.progress(call, "answered")
        return True

    async def _answered(self, call: Call) -> bool:
        ends = self.clock.elapsed() + call.ring_timeout + EXTRA_RING
        while not call.over and not call.refused:
            call._rang.clear()  # pyright: ignore[reportPrivateUsage] - the exchange is the call's own
            if call.answered_late.is_set():
                return True
            left = ends - self.clock.elapsed()
            if left <= 0:
                return False
            await self.clock.wait(call._rang, left)  # pyright: ignore[reportPrivateUsage] - the stand-in's own call, beside it
        return False

    def answer(self, call: Call) -> bool:
        """Pick up a ringing call by hand."""
        if call.over or call.status not in {"queued", "ringing"}:
            return False
        call.answered_late.set()
        call.ring()
        return True

    def refuse(self, call: Call, status: str = "busy") -> bool:
        """Decline a ringing call by hand."""
        if call.over or call.status not in {"queued", "ringing"}:
            return False
        call.refused = status
        call.ring()
        return True

    def progress(self, call: Call, event: str) -> None:
        """Report a step, if it was asked for."""
        if event in call.events:
            self.wire.tell(call.callback, call.status_form())
        else:
            call.sequence += 1

    def over(self, call: Call) -> None:
        """A call's task has ended: whatever it was in lets it go, and the end is told."""
        call.hang_up()
        for queue in self.queues.values():
            queue.members.pop(call.sid, None)
        for room in self.rooms.values():
            if (who := room.people.get(call.sid)) is not None:
                room.leave(who, "participant_hung_up")
        if "completed" in call.events:
            self.wire.tell(call.callback, call.status_form())
        if len(self.calls) > 2000:
            for sid in [s for s, c in self.calls.items() if c.over][:500]:
                del self.calls[sid]

    def ringing_at(self, endpoint: str) -> Call | None:
        """The call that rings at a number or device."""
        found = [c for c in self.calls.values() if c.to == endpoint and c.status in {"queued", "ringing"}]
        return found[-1] if found else None

    def talking_at(self, endpoint: str) -> Call | None:
        """The newest live call of a number or device, whichever end it is."""
        found = [c for c in self.calls.values() if endpoint in (c.to, c.sender) and c.status not in FINAL]
        return found[-1] if found else None

    def announce(self, calls: list[Call], document: Document) -> None:
        """Play a document to people in a room, beside whatever they hear."""
        self.wire.go(self._announce(calls, document))

    async def _announce(self, calls: list[Call], document: Document) -> None:
        if not calls:
            return
        try:
            root = await self.fetch(calls[0], document, None, CONFERENCE_WAIT)
        except (HungUp, Redirected):
            return
        for node in root:
            for call in calls:
                call.played.append((node.text or "").strip() or f"<{node.get('digits', node.tag)}>")

    # -- documents -----------------------------------------------------------------------------------------------
    async def run(self, call: Call, document: Document) -> None:
        """Run documents, one leading to the next, until the call is over."""
        guard = self.wire.go(self._end_in_time(call))
        try:
            current: Document | None = document
            while current is not None:
                try:
                    root = await self.fetch(call, current)
                    current = await Verbs(self, call, current).run(root)
                    if current is None:
                        call.hang_up()
                except Redirected:
                    assert call.redirect is not None  # noqa: S101 - that is what interrupted it
                    current, call.redirect = call.redirect, None
        except HungUp:
            pass
        finally:
            guard.cancel()

    async def _end_in_time(self, call: Call) -> None:
        await self.clock.sleep(call.time_limit)
        call.hang_up()

    async def fetch(
        self,
        call: Call,
        document: Document,
        extra: dict[str, str] | None = None,
        verbs: frozenset[str] | None = None,
    ) -> ElementTree.Element:
        """A document; from the fallback when the first fails. Nobody at either: the caller hears an error."""
        if document.twiml:
            return self._read(document.twiml, verbs)
        asked = {**call.form(), **(extra or {})}
        answer = await self.wire.call(document.url, asked, document.method)
        self.raise_if_over(call)
        try:
            return self._accept(answer.status, answer.content_type, answer.body, verbs)
        except BadTwiml as error:
            self.problems.append((error.code, f"{document.url}: {error}"))
            if not document.fallback:
                raise HungUp from None
        failed = {"ErrorCode": "11200", "ErrorUrl": document.url}
        answer = await self.wire.call(document.fallback, asked | failed, "POST")
        self.raise_if_over(call)
        try:
            return self._accept(answer.status, answer.content_type, answer.body, verbs)
        except BadTwiml:
            raise HungUp from None

    def _accept(self, status: int, kind: str, text: str, verbs: frozenset[str] | None) -> ElementTree.Element:
        if not 200 <= status < 300:
            raise BadTwiml(11200 if status else 11205, f"HTTP {status}")
        if status == 204 or not text:
            return ElementTree.Element("Response")
        if kind not in {"text/xml", "application/xml"}:
            raise BadTwiml(12300, f"Invalid Content-Type {kind}")
        return self._read(text, verbs)

    def _read(self, text: str, verbs: frozenset[str] | None) -> ElementTree.Element:
        return parse(text, verbs=verbs)

    def raise_if_over(self, call: Call) -> None:
        """`HungUp` or `Redirected` if that happened while the hub thought."""
        if call.over:
            raise HungUp
        if call.redirect is not None:
            raise Redirected

    # -- rooms ---------------------------------------------------------------------------------------------------
    def room(self, name: str) -> Conference:
        """The live conference of a name, or a new one."""
        for room in self.rooms.values():
            if room.name == name and room.status != "completed":
                return room
        room = Conference(name, self.account_sid, self.clock, self.wire)
        self.rooms[room.sid] = room
        return room

    async def stay(self, room: Conference, who: Participant, terms: JoinTerms) -> str:
        """Be in a room until put out, or it ends; why. A hang-up or redirect is the caller's to handle."""
        call = who.call
        call.released = False
        room.join(who, terms)
        reason = "participant_hung_up"
        try:
            await call.pause(terms.limit, until_released=True)
            reason = "conference_ended_via_api" if room.status == "completed" else "participant_removed_via_api"
        except Redirected:
            reason = "participant_updated_via_api"
            raise
        finally:
            room.leave(who, reason)
            if room.recording is not None:
                self.recordings[room.recording.sid] = room.recording
        return reason

    def queue(self, name: str) -> Queue:
        """The queue of a name, made at first use."""
        for queue in self.queues.values():
            if queue.name == name:
                return queue
        queue = Queue(name, self.account_sid, self.clock)
        self.queues[queue.sid] = queue
        return queue


def call_later(exchange: Exchange, call: Call, behavior: Behavior) -> None:
    """Answer a call after as long as this person takes."""

    async def pick_up() -> None:
        await exchange.clock.sleep(behavior.answers or 0)
        exchange.answer(call)

    exchange.wire.go(pick_up())


async def finished(exchange: Exchange, *, timeout: float = 10.0) -> None:
    """Return when no call lives and every callback has arrived."""
    async with asyncio.timeout(timeout):
        while any(not c.over for c in exchange.calls.values()):  # noqa: ASYNC110 - a test's eye
            await asyncio.sleep(0.005)
        await exchange.wire.settled()
