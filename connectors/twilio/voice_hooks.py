"""Twilio's webhooks about calls as the hub's events; the answers as TwiML.

Fields and their meaning: Twilio's references "Twilio's request to your application", "Call status callbacks",
"Conference status callbacks", "Enqueue action" and "Recording status callbacks".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from aiohttp import web

from connectors.twilio.guard import Guard, Verified
from connectors.twilio.voice_twiml import Renderer, key_press
from connectors.twilio.webhook import Form
from hub.calls.model import call_of_room
from hub.channels.calls import CallDesk, CallEvent, CallEventKind, Hangup, Step
from hub.core import log
from hub.core.errors import HubError, Invalid, Unavailable

logger = log.get(__name__)
ENDED: Mapping[str, str] = {
    "completed": "completed",
    "busy": "busy",
    "no-answer": "no_answer",
    "failed": "failed",
    "canceled": "canceled",
}
_STATUS: Mapping[str, CallEventKind] = {
    "queued": CallEventKind.INITIATED,
    "initiated": CallEventKind.INITIATED,
    "ringing": CallEventKind.RINGING,
    "in-progress": CallEventKind.ANSWERED,
    "answered": CallEventKind.ANSWERED,
}
_ROOM: Mapping[str, CallEventKind] = {
    "participant-join": CallEventKind.JOINED,
    "participant-leave": CallEventKind.LEFT,
    "participant-hold": CallEventKind.HELD,
    "participant-unhold": CallEventKind.UNHELD,
    "participant-mute": CallEventKind.MUTED,
    "participant-unmute": CallEventKind.UNMUTED,
    "conference-end": CallEventKind.ROOM_ENDED,
}
_QUEUE = {"queue-full": "full", "system-error": "error", "bridging-in-process": "bridged"}
_LABEL = re.compile(r"^leg-(\d{1,18})$")
_KEYS = re.compile(r"^[0-9*#wA-D]{1,40}$")


class Hooks:
    """Every webhook about calls: verify, hand over, answer."""

    def __init__(self, guard: Guard, desk: CallDesk, public_url: str):
        self._guard = guard
        self._desk = desk
        self._public_url = public_url

    def routes(self) -> list[web.RouteDef]:
        """All under `/hooks/twilio/{account}/`."""
        base = "/hooks/twilio/{account}"
        return [
            web.post(f"{base}/voice", self._incoming),
            web.post(f"{base}/voice/keys", self._keys),
            web.post(f"{base}/voice/{{stage}}", self._stage),
            web.post(f"{base}/legs/{{leg}}/status", self._status),
            web.post(f"{base}/calls/status", self._status),
            web.post(f"{base}/rooms", self._room),
            web.post(f"{base}/recordings", self._recording),
            web.post(f"{base}/transcripts", self._transcript),
        ]

    async def _incoming(self, request: web.Request) -> web.Response:
        found = await self._guard.verified(request)
        return await self._next_steps(found, incoming(found.account.id, found.form), "start")

    async def _stage(self, request: web.Request) -> web.Response:
        found = await self._guard.verified(request)
        stage, query = request.match_info["stage"], request.query
        event = at_stage(found.account.id, found.form, stage, _number(query.get("leg")), _number(query.get("turn")))
        return await self._next_steps(found, event, stage, _number(query.get("leg")))

    async def _keys(self, request: web.Request) -> web.Response:
        await self._guard.verified(request)
        pressed = request.query.get("keys", "")
        return _xml(key_press(pressed) if _KEYS.match(pressed) else Renderer("").render([]))

    async def _status(self, request: web.Request) -> web.Response:
        found = await self._guard.verified(request)
        return await self._report(status(found.account.id, found.form, _number(request.match_info.get("leg"))))

    async def _room(self, request: web.Request) -> web.Response:
        found = await self._guard.verified(request)
        return await self._report(in_room(found.account.id, found.form))

    async def _recording(self, request: web.Request) -> web.Response:
        found = await self._guard.verified(request)
        return await self._report(recorded(found.account.id, found.form, request.query))

    async def _transcript(self, request: web.Request) -> web.Response:
        found = await self._guard.verified(request)
        return await self._report(transcribed(found.account.id, found.form))

    async def _next_steps(
        self, found: Verified, event: CallEvent, stage: str, leg_id: int | None = None
    ) -> web.Response:
        """What is heard next; 503 makes Twilio ask again, and then the fallback."""
        try:
            steps: list[Step] = await self._desk.steps(event, stage)
        except Unavailable:
            return web.Response(status=503, headers={"Retry-After": "1"})
        except Invalid as error:
            logger.warning("call_report_refused", kind=event.kind.value, error=error.detail)
            steps = [Hangup()]
        base = f"{self._public_url}/hooks/twilio/{found.account.key}"
        return _xml(Renderer(base, leg_id).render(steps))

    async def _report(self, event: CallEvent | None) -> web.Response:
        try:
            if event is not None:
                await self._desk.event(event)
        except Unavailable:
            return web.Response(status=503, headers={"Retry-After": "1"})
        except HubError as error:
            logger.warning("call_report_refused", kind=event.kind.value if event else None, error=error.detail)
        return web.Response(status=204)


def incoming(account_id: int, form: Form) -> CallEvent:
    """Somebody calls our number."""
    sid = form.get("CallSid", "")
    return CallEvent(
        account_id,
        CallEventKind.INCOMING,
        sid,
        f"incoming:{sid}",
        sender=form.get("From", ""),
        to=form.get("To", ""),
        raw=dict(form),
    )


def at_stage(account_id: int, form: Form, stage: str, leg_id: int | None, turn: int | None) -> CallEvent:
    """A leg at a stage: it has left the queue, has ended, has said something, or merely asks."""
    sid, said = form.get("CallSid", ""), form.get("CallStatus", "")
    if stage == "parked":
        result = form.get("QueueResult", "")
        return CallEvent(
            account_id,
            CallEventKind.QUEUE_LEFT,
            sid,
            f"queue:{sid}:{turn or 0}",
            reason=_QUEUE.get(result, result),
            data={"seconds": _number(form.get("QueueTime")) or 0},
            raw=dict(form),
        )
    if said in ENDED:
        return _ended(account_id, form, leg_id)
    keys, words = form.get("Digits", ""), form.get("SpeechResult", "")
    if keys or words:
        key = f"input:{sid}:{stage}:{turn or 0}:{keys}:{words}"
        return CallEvent(
            account_id, CallEventKind.INPUT, sid, key, leg_id, keys=keys, words=words, data={"turn": turn or 0},
            raw=dict(form),
        )  # fmt: skip
    return CallEvent(account_id, CallEventKind.ASKED, sid, "", leg_id, data={"turn": turn or 0})


def status(account_id: int, form: Form, leg_id: int | None) -> CallEvent | None:
    """A leg's progress; None for a word we do not know."""
    word = form.get("CallStatus", "")
    if word in ENDED:
        return _ended(account_id, form, leg_id)
    kind = _STATUS.get(word)
    if kind is None:
        return None
    sid = form.get("CallSid", "")
    return CallEvent(
        account_id, kind, sid, f"status:{sid}:{kind.value}", leg_id, seq=_number(form.get("SequenceNumber")),
        at=_moment(form), raw=dict(form),
    )  # fmt: skip


def _ended(account_id: int, form: Form, leg_id: int | None) -> CallEvent:
    # Several things tell of one end (status callback, Dial's action…); only the first has the provider's moment, and
    # each is kept, so that whichever comes last the earliest moment counts.
    sid, moment = form.get("CallSid", ""), _moment(form)
    how = "timed" if moment else "untimed"
    return CallEvent(
        account_id, CallEventKind.ENDED, sid, f"ended:{sid}:{how}", leg_id, seq=_number(form.get("SequenceNumber")),
        at=moment, reason=ENDED[form["CallStatus"]], raw=dict(form),
    )  # fmt: skip


def in_room(account_id: int, form: Form) -> CallEvent | None:
    """Something in a conference."""
    kind = _ROOM.get(form.get("StatusCallbackEvent", ""))
    call_id = call_of_room(form.get("FriendlyName", ""))
    if kind is None or call_id is None:
        return None
    label = _LABEL.match(form.get("ParticipantLabel", ""))
    number = form.get("SequenceNumber", "")
    return CallEvent(
        account_id,
        kind,
        form.get("CallSid", ""),
        f"room:{form.get('ConferenceSid', '')}:{number}",
        int(label[1]) if label else None,
        call_id,
        _number(number),
        _moment(form),
        form.get("ReasonParticipantLeft") or form.get("ReasonConferenceEnded") or "",
        raw=dict(form),
    )


def recorded(account_id: int, form: Form, query: Mapping[str, str]) -> CallEvent | None:
    """A recording is ready at Twilio."""
    sid = form.get("RecordingSid", "")
    if form.get("RecordingStatus", "completed") != "completed" or not sid:
        return None
    return CallEvent(
        account_id, CallEventKind.RECORDED, form.get("CallSid", ""), f"recording:{sid}",
        call_id=call_of_room(query.get("room", "")),
        raw=dict(form),
        data={"recording": sid, "seconds": _number(form.get("RecordingDuration")) or 0,
              "voicemail": "voicemail" in query},
    )  # fmt: skip


def transcribed(account_id: int, form: Form) -> CallEvent | None:
    """What a message says, as far as Twilio understood it."""
    sid, text = form.get("RecordingSid", ""), form.get("TranscriptionText", "")
    if not sid or not text:
        return None
    return CallEvent(
        account_id, CallEventKind.TRANSCRIBED, form.get("CallSid", ""), f"transcript:{sid}", words=text,
        data={"recording": sid, "voicemail": True}, raw=dict(form),
    )  # fmt: skip


def _moment(form: Form) -> datetime | None:
    try:
        return parsedate_to_datetime(form["Timestamp"])
    except (KeyError, ValueError, TypeError):
        return None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def _xml(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/xml")
