"""Runs a TwiML document: what the caller would hear; a key, a hang-up or a redirect cuts every wait short."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import urljoin
from xml.etree.ElementTree import Element, tostring

from hub.demo.twilio.call import Call, Document, HungUp, Redirected
from hub.demo.twilio.conferences import Conference, JoinTerms, Participant, Queue, Recording
from hub.demo.twilio.grammar import CONFERENCE_WAIT, ENQUEUE_WAIT
from hub.demo.twilio.people import People
from hub.demo.twilio.wire import Wire

_MUSIC = 8.0  # seconds a file plays; nobody hears it
_PER_CHARACTER = 0.06  # seconds of speech


class Ground(Protocol):
    """What running a document needs of the exchange."""

    wire: Wire
    people: People
    calls: dict[str, Call]
    recordings: dict[str, Recording]
    transcribed: dict[str, str]
    problems: list[tuple[int, str]]

    async def fetch(
        self,
        call: Call,
        document: Document,
        extra: dict[str, str] | None = None,
        verbs: frozenset[str] | None = None,
    ) -> Element:
        """A document."""
        ...

    async def stay(self, room: Conference, who: Participant, terms: JoinTerms) -> str:
        """Be in a room until put out."""
        ...

    async def ring(self, call: Call) -> bool:
        """Whether they answer."""
        ...

    def over(self, call: Call) -> None:
        """The call has ended."""
        ...

    def room(self, name: str) -> Conference:
        """The live conference of a name."""
        ...

    def queue(self, name: str) -> Queue:
        """The queue of a name."""
        ...


class Left(Exception):
    """The caller left the queue by <Leave>."""


class Verbs:
    """One document of one call. `run` returns where to go on, or None at the document's end.

    `only`: the verbs allowed where the call waits; that document's end is not the call's.
    """

    def __init__(self, exchange: Ground, call: Call, document: Document, only: frozenset[str] | None = None):
        self._only = only
        self._exchange = exchange
        self._call = call
        self._document = document
        self._ways: dict[str, Callable[[Element], Awaitable[Document | None]]] = {
            "Say": self._say, "Play": self._play, "Pause": self._pause, "Gather": self._gather,
            "Redirect": self._redirect, "Enqueue": self._enqueue, "Dial": self._dial, "Record": self._record,
            "Hangup": self._hangup, "Reject": self._reject, "Leave": self._leave,
        }  # fmt: skip

    async def run(self, root: Element) -> Document | None:
        """Every verb in turn, until one leads elsewhere."""
        call = self._call
        for node in root:
            call.ran.append(node.tag if self._only is None else f"wait:{node.tag}")
            call.lines.append(tostring(node, encoding="unicode")[:600])
            if call.status == "ringing" and node.tag not in {"Pause", "Reject", "Redirect"}:
                call.status, call.answered = "in-progress", call.clock.now()  # every other verb picks up
            way = self._ways.get(node.tag)
            if way is None:
                self._exchange.problems.append((12100, f"<{node.tag}> is not played by the stand-in"))
                continue
            following = await way(node)
            if following is not None:
                return following
        return None

    def _to(self, url: str | None, method: str | None = None) -> Document:
        return Document(urljoin(self._document.url, url or ""), method or "POST", fallback=self._document.fallback)

    async def _next(self, url: str | None, method: str | None, extra: dict[str, str]) -> Document | None:
        """Go on with what an action answers: it takes the place of the document that named it."""
        document = self._to(url, method)
        root = await self._exchange.fetch(self._call, document, extra, self._only)
        following = await Verbs(self._exchange, self._call, document, self._only).run(root)
        if following is None and self._only is None:
            self._call.hang_up()
            raise HungUp
        return following

    # -- what is heard -------------------------------------------------------------------------------------------
    async def _say(self, node: Element) -> None:
        self._call.played.append((node.text or "").strip())
        await self._call.pause(len(node.text or "") * _PER_CHARACTER)

    async def _play(self, node: Element) -> None:
        self._call.played.append(f"<{(node.text or '').strip() or node.get('digits', '')}>")
        await self._call.pause(_MUSIC * min(int(node.get("loop", "1")) or 60, 60))

    async def _pause(self, node: Element) -> None:
        await self._call.pause(float(node.get("length", "1")))

    async def _gather(self, node: Element) -> Document | None:
        call, digits, words = self._call, "", ""
        speech = "speech" in node.get("input", "dtmf")
        for prompt in node:
            if await self._prompt(prompt):
                break
        most, finish = int(node.get("numDigits", "99")), node.get("finishOnKey", "#")
        patience = float(node.get("timeout", "5"))
        while len(digits) < most:
            if call.words and speech and not digits:
                words = call.words.popleft()
                break
            if call.keys:
                key = call.keys.popleft()
                if key == finish and most != 1:
                    break
                digits += key
                continue
            if not await call.pause(patience, until_input=True):
                break
        if not digits and not words and node.get("actionOnEmptyResult") != "true":
            return None
        extra = {"SpeechResult": words, "Confidence": "0.9"} if words else {"Digits": digits}
        return await self._next(node.get("action"), node.get("method"), extra)

    async def _prompt(self, node: Element) -> bool:
        """Whether a key or a word cut it short."""
        call, text = self._call, (node.text or "").strip()
        call.played.append(text if node.tag == "Say" else f"<{text or node.tag}>")
        lasts = {"Say": len(text) * _PER_CHARACTER, "Play": _MUSIC}.get(node.tag, float(node.get("length", "1")))
        return await call.pause(lasts, until_input=True)

    # -- where it goes -------------------------------------------------------------------------------------------
    async def _redirect(self, node: Element) -> Document:
        return self._to((node.text or "").strip(), node.get("method"))

    async def _hangup(self, node: Element) -> None:
        self._call.hang_up()
        raise HungUp

    async def _reject(self, node: Element) -> None:
        self._call.hang_up("busy" if node.get("reason") == "busy" else "no-answer")
        raise HungUp

    async def _leave(self, node: Element) -> None:
        raise Left

    # -- parking -------------------------------------------------------------------------------------------------
    async def _enqueue(self, node: Element) -> Document | None:
        call, exchange = self._call, self._exchange
        queue = exchange.queue((node.text or "").strip())
        action, method = node.get("action"), node.get("method")
        if len(queue.members) >= queue.most:
            return await self._next(action, method, {"QueueResult": "queue-full", "QueueSid": queue.sid})
        queue.members[call.sid] = (call, call.clock.now())
        result, told = "hangup", {"QueueSid": queue.sid}
        try:
            if not node.get("waitUrl"):
                await call.pause(None)  # the provider's own music, for ever
            await self._wait_in(queue.name, self._to(node.get("waitUrl"), node.get("waitUrlMethod")))
        except Left:
            result = "leave"
        except Redirected:
            result = "redirected"
            raise
        finally:
            told |= {"QueueResult": result, "QueueTime": str(queue.waited(call))}
            queue.members.pop(call.sid, None)
            if result != "leave" and action:
                exchange.wire.tell(self._to(action).url, {**call.form(), **told})
        return await self._next(action, method, told) if action else None

    async def _wait_in(self, name: str, document: Document) -> None:
        """The waitUrl's document, again and again."""
        call, exchange, queue = self._call, self._exchange, self._exchange.queue(name)
        while True:
            about = {
                "QueueSid": queue.sid, "QueuePosition": str(queue.position(call)),
                "QueueTime": str(queue.waited(call)), "AvgQueueTime": str(queue.average()),
                "CurrentQueueSize": str(len(queue.members)),
            }  # fmt: skip
            root = await exchange.fetch(call, document, about, ENQUEUE_WAIT)
            following = await Verbs(exchange, call, document, ENQUEUE_WAIT).run(root)
            document = following or document
            if following is None:
                await call.pause(0.5)

    # -- dialling ------------------------------------------------------------------------------------------------
    async def _dial(self, node: Element) -> Document | None:
        inner = next(iter(node), None)
        if inner is not None and inner.tag == "Conference":
            return await self._conference(node, inner)
        return await self._ring_others(node)

    async def _conference(self, dial: Element, node: Element) -> Document | None:
        call, exchange = self._call, self._exchange
        room = exchange.room((node.text or "").strip())
        label = node.get("participantLabel", "")
        if label and room.find(label):
            exchange.problems.append((16025, f"The label {label} is taken"))
            call.hang_up("failed")
            raise HungUp
        who = Participant(
            call,
            label,
            node.get("muted") == "true",
            start=node.get("startConferenceOnEnter", "true") == "true",
            end_on_exit=node.get("endConferenceOnExit") == "true",
        )
        if node.get("waitUrl"):
            await exchange.fetch(call, self._to(node.get("waitUrl")), None, CONFERENCE_WAIT)
        callback, recorded = node.get("statusCallback", ""), node.get("recordingStatusCallback", "")
        terms = JoinTerms(
            self._to(callback).url if callback else "",
            frozenset(node.get("statusCallbackEvent", "").split()),
            node.get("record") == "record-from-start",
            self._to(recorded).url if recorded else "",
            float(dial.get("timeLimit", "14400")),
        )
        try:
            await exchange.stay(room, who, terms)
        except HungUp:
            self._tell_dialled(dial, {"DialCallStatus": "completed"})
            raise
        return await self._after_dial(dial, {"DialCallStatus": "completed"})

    async def _ring_others(self, dial: Element) -> Document | None:
        """<Number>, <Client>, <Queue> or plain digits: one after another until somebody answers."""
        call = self._call
        names = [((n.text or "").strip(), n.tag) for n in dial] or [((dial.text or "").strip(), "Number")]
        status = "no-answer"
        for name, kind in names:
            if kind == "Queue":
                return await self._first_of_queue(dial, name)
            child = Call(
                call.account_sid, call.clock, f"client:{name}" if kind == "Client" else name,
                dial.get("callerId") or call.sender, "outbound-dial", Document(), parent=call.sid,
                ring_timeout=float(dial.get("timeout", "30")),
            )  # fmt: skip
            self._exchange.calls[child.sid] = child
            if await self._exchange.ring(child):
                status = await self._until_either_leaves(child)
                break
            status = child.status
            self._exchange.over(child)
        return await self._after_dial(dial, {"DialCallStatus": status})

    async def _until_either_leaves(self, child: Call) -> str:
        self._exchange.wire.go(self._exchange.people.behave(child, self._exchange.people.of(child.to)))
        try:
            while not child.over:
                await self._call.pause(0.5)
        finally:
            self._exchange.over(child)
        return "completed"

    async def _first_of_queue(self, dial: Element, name: str) -> Document | None:
        queue = self._exchange.queue(name)
        if queue.members:
            first = next(iter(queue.members.values()))[0]
            first.hang_up()  # bridged calls are not played further: the hub never asks for them
        return await self._after_dial(dial, {"DialCallStatus": "completed"})

    async def _after_dial(self, dial: Element, extra: dict[str, str]) -> Document | None:
        if not dial.get("action"):
            return None
        return await self._next(dial.get("action"), dial.get("method"), extra)

    def _tell_dialled(self, dial: Element, extra: dict[str, str]) -> None:
        if dial.get("action"):
            self._exchange.wire.tell(self._to(dial.get("action")).url, {**self._call.form(), **extra})

    # -- recording -----------------------------------------------------------------------------------------------
    async def _record(self, node: Element) -> Document | None:
        call, exchange = self._call, self._exchange
        recording = Recording(call.account_sid, call.clock, "RecordVerb", call_sid=call.sid)
        pressed, finish = "", node.get("finishOnKey", "1234567890*#")
        try:
            while not pressed and await call.pause(float(node.get("maxLength", "3600")), until_input=True):
                if call.words:
                    exchange.transcribed[recording.sid] = call.words.popleft()
                elif (key := call.keys.popleft()) in finish:
                    pressed = key
        finally:
            recording.stop()
            exchange.recordings[recording.sid] = recording
            extra = {
                "RecordingSid": recording.sid, "RecordingUrl": f"https://api.twilio.com{recording.path}",
                "RecordingDuration": str(recording.seconds), "Digits": pressed or "hangup",
            }  # fmt: skip
            self._after_recording(node, recording, extra)
        return await self._next(node.get("action"), node.get("method"), extra)  # without one it asks for itself again

    def _after_recording(self, node: Element, recording: Recording, extra: dict[str, str]) -> None:
        tell, call = self._exchange.wire.tell, self._call
        if node.get("recordingStatusCallback"):
            tell(self._to(node.get("recordingStatusCallback")).url, recording.form())
        if node.get("transcribe") == "true" and node.get("transcribeCallback"):
            words = self._exchange.transcribed.get(recording.sid, "")
            said = {"TranscriptionText": words, "TranscriptionStatus": "completed" if words else "failed"}
            tell(self._to(node.get("transcribeCallback")).url, {**call.form(), **extra, **said})
        if call.over and node.get("action"):
            tell(self._to(node.get("action")).url, {**call.form(), **extra})
