"""Conferences, queues and recordings of the stand-in, with the provider's own habits."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from hub.demo.twilio.call import Call
from hub.demo.twilio.clock import Clock
from hub.demo.twilio.messages import API, sid
from hub.demo.twilio.wire import Wire


@dataclass(slots=True, eq=False)
class Participant:
    """A call in a conference. `end_on_exit` of somebody held cannot be changed: the provider ignores it silently."""

    call: Call
    label: str = ""
    muted: bool = False
    hold: bool = False
    coaching: str = ""
    start: bool = True
    end_on_exit: bool = False

    def as_json(self, room: Conference) -> dict[str, Any]:
        """The Participant resource."""
        when = format_datetime(room.created)
        base = f"/{API}/Accounts/{self.call.account_sid}/Conferences/{room.sid}/Participants"
        return {
            "account_sid": self.call.account_sid, "call_sid": self.call.sid, "conference_sid": room.sid,
            "label": self.label or None, "muted": self.muted, "hold": self.hold, "coaching": bool(self.coaching),
            "call_sid_to_coach": self.coaching or None, "start_conference_on_enter": self.start,
            "end_conference_on_exit": self.end_on_exit, "status": _status(self.call), "queue_time": None,
            "date_created": when, "date_updated": when, "uri": f"{base}/{self.call.sid}.json",
        }  # fmt: skip


def _status(call: Call) -> str:
    return {"in-progress": "connected", "completed": "complete", "ringing": "ringing"}.get(call.status, call.status)


@dataclass(frozen=True, slots=True)
class JoinTerms:
    """What joining a room asks for; only the first to join decides."""

    callback: str = ""
    events: frozenset[str] = frozenset()
    record: bool = False
    recording_callback: str = ""
    limit: float | None = None


@dataclass(slots=True, eq=False)
class Conference:
    """A room. The first to join fixes where it reports to and what; it begins when two are in it."""

    name: str
    account_sid: str
    clock: Clock
    wire: Wire
    sid: str = field(default_factory=lambda: sid("CF"))
    status: str = "init"
    callback: str = ""
    events: frozenset[str] = frozenset()
    record: bool = False
    recording_callback: str = ""
    people: dict[str, Participant] = field(default_factory=dict[str, Participant])
    sequence: int = 0
    first: bool = True
    recording: Recording | None = None
    reason: str | None = None
    created: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.created = self.clock.now()

    def find(self, key: str) -> Participant | None:
        """Somebody by call SID or label."""
        return self.people.get(key) or next((p for p in self.people.values() if p.label and p.label == key), None)

    def tell(self, event: str, who: Participant | None = None, **more: str) -> None:
        """Report something, if it was asked for; `hold` and `mute` ask for their ends as well."""
        if event.removeprefix("un") not in self.events:
            return
        self.sequence += 1
        named = {
            "start": "conference-start", "end": "conference-end", "join": "participant-join",
            "leave": "participant-leave",
        }.get(event, f"participant-{event}")  # fmt: skip
        form = {
            "AccountSid": self.account_sid, "ConferenceSid": self.sid, "FriendlyName": self.name,
            "StatusCallbackEvent": named, "SequenceNumber": str(self.sequence),
            "Timestamp": format_datetime(self.clock.now()), **more,
        }  # fmt: skip
        if who is not None:
            form |= {
                "CallSid": who.call.sid, "Muted": str(who.muted).lower(), "Hold": str(who.hold).lower(),
                "Coaching": str(bool(who.coaching)).lower(),
                "StartConferenceOnEnter": str(who.start).lower(), "EndConferenceOnExit": str(who.end_on_exit).lower(),
            }  # fmt: skip
            form |= {"ParticipantLabel": who.label} if who.label else {}
        self.wire.tell(self.callback, form)

    def join(self, who: Participant, terms: JoinTerms) -> None:
        """Somebody comes in."""
        if self.first:
            self.first, self.callback, self.events = False, terms.callback, terms.events
            self.record, self.recording_callback = terms.record, terms.recording_callback
        self.people[who.call.sid] = who
        if self.status == "init" and len(self.people) > 1 and any(p.start for p in self.people.values()):
            self.status = "in-progress"
            self.tell("start")
            if self.record:
                self.recording = Recording(self.account_sid, self.clock, "Conference", conference_sid=self.sid)
        self.tell("join", who)

    def leave(self, who: Participant, reason: str) -> None:
        """Somebody goes; the room ends with its last, or with who ends it."""
        if self.people.pop(who.call.sid, None) is None:
            return
        how = {"ReasonParticipantLeft": reason, "ParticipantCallStatus": who.call.status}
        self.tell("leave", who, **how)
        if who.end_on_exit and self.status == "in-progress":
            self.end("participant-with-end-conference-on-exit-left", who.call.sid)
        elif not self.people:
            self.end("last-participant-left", who.call.sid)

    def end(self, reason: str, ender: str = "") -> None:
        """Everybody out."""
        if self.status == "completed":
            return
        began, self.status, self.reason = self.status, "completed", reason
        for other in list(self.people.values()):
            other.call.released = True
            other.call.ring()
        if began == "in-progress":
            self.tell("end", ReasonConferenceEnded=reason, CallSidEndingConference=ender)
        if self.recording is not None:
            self.recording.stop()
            self.wire.tell(self.recording_callback, self.recording.form())

    def as_json(self) -> dict[str, Any]:
        """The Conference resource."""
        path = f"/{API}/Accounts/{self.account_sid}/Conferences/{self.sid}"
        when = format_datetime(self.created)
        return {
            "account_sid": self.account_sid, "api_version": API, "sid": self.sid, "friendly_name": self.name,
            "status": self.status, "region": "us1", "date_created": when, "date_updated": when,
            "reason_conference_ended": self.reason, "call_sid_ending_conference": None, "uri": f"{path}.json",
            "subresource_uris": {"participants": f"{path}/Participants.json", "recordings": f"{path}/Recordings.json"},
        }  # fmt: skip


@dataclass(slots=True, eq=False)
class Queue:
    """Parked calls, in order of coming."""

    name: str
    account_sid: str
    clock: Clock
    most: int = 1000
    sid: str = field(default_factory=lambda: sid("QU"))
    members: dict[str, tuple[Call, datetime]] = field(default_factory=dict[str, tuple[Call, datetime]])

    def waited(self, call: Call) -> int:
        """Seconds a member has been here."""
        return round((self.clock.now() - self.members[call.sid][1]).total_seconds())

    def average(self) -> int:
        """The mean wait of those still waiting: what the provider calls average, and no estimate of anything."""
        return round(sum(self.waited(c) for c, _ in self.members.values()) / max(1, len(self.members)))

    def position(self, call: Call) -> int:
        """From 1."""
        return list(self.members).index(call.sid) + 1

    def as_json(self) -> dict[str, Any]:
        """The Queue resource."""
        when = format_datetime(self.clock.now())
        return {
            "sid": self.sid, "account_sid": self.account_sid, "friendly_name": self.name, "max_size": self.most,
            "current_size": len(self.members), "average_wait_time": self.average(), "date_created": when,
            "date_updated": when, "uri": f"/{API}/Accounts/{self.account_sid}/Queues/{self.sid}.json",
        }  # fmt: skip

    def member_json(self, call: Call) -> dict[str, Any]:
        """The Member resource."""
        return {
            "call_sid": call.sid, "queue_sid": self.sid, "date_enqueued": format_datetime(self.members[call.sid][1]),
            "position": self.position(call), "wait_time": self.waited(call),
            "uri": f"/{API}/Accounts/{self.account_sid}/Queues/{self.sid}/Members/{call.sid}.json",
        }  # fmt: skip


@dataclass(slots=True, eq=False)
class Recording:
    """A recording: of silence, but of the right length; paused time is left out."""

    account_sid: str
    clock: Clock
    source: str
    call_sid: str = ""
    conference_sid: str = ""
    sid: str = field(default_factory=lambda: sid("RE"))
    status: str = "in-progress"
    began: datetime = field(init=False)
    _counted: float = 0.0
    _since: datetime | None = field(init=False)

    def __post_init__(self) -> None:
        self.began = self._since = self.clock.now()

    def set(self, status: str) -> None:
        """Pause or go on."""
        if self._since is not None:
            self._counted += (self.clock.now() - self._since).total_seconds()
        self._since = self.clock.now() if status == "in-progress" else None
        self.status = status

    def stop(self) -> None:
        """It is done."""
        self.set("completed")

    @property
    def seconds(self) -> int:
        """Its length."""
        return round(self._counted)

    @property
    def path(self) -> str:
        """Where it is, without the suffix."""
        return f"/{API}/Accounts/{self.account_sid}/Recordings/{self.sid}"

    def form(self) -> dict[str, str]:
        """What the recording callback says."""
        found = {
            "AccountSid": self.account_sid, "RecordingSid": self.sid, "RecordingStatus": self.status,
            "RecordingUrl": f"https://api.twilio.com{self.path}", "RecordingDuration": str(self.seconds),
            "RecordingChannels": "1", "RecordingSource": self.source,
            "RecordingStartTime": format_datetime(self.began),
        }  # fmt: skip
        found |= {"CallSid": self.call_sid} if self.call_sid else {}
        return found | ({"ConferenceSid": self.conference_sid} if self.conference_sid else {})

    def sound(self, channels: int) -> bytes:
        """A WAV file of silence, 8 kHz."""
        file = io.BytesIO()
        with wave.open(file, "wb") as out:
            out.setnchannels(channels)
            out.setsampwidth(1)
            out.setframerate(8000)
            out.writeframes(b"\x80" * 8000 * channels * min(self.seconds, 600))
        return file.getvalue()

    def as_json(self) -> dict[str, Any]:
        """The Recording resource."""
        when = format_datetime(self.began)
        return {
            "sid": self.sid, "account_sid": self.account_sid, "api_version": API, "call_sid": self.call_sid or None,
            "conference_sid": self.conference_sid or None, "status": self.status, "channels": 1,
            "source": self.source, "duration": str(self.seconds), "start_time": when, "date_created": when,
            "date_updated": when, "price": None, "price_unit": "USD", "error_code": None,
            "encryption_details": None, "uri": f"{self.path}.json", "subresource_uris": {},
            "media_url": f"https://api.twilio.com{self.path}",
        }  # fmt: skip
