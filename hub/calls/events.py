"""What is logged of calls and of how agents speak."""

from __future__ import annotations

from hub.core.event_kinds import EventData


class OfCall(EventData):
    """What is said of a call."""

    call_id: int


class CallQueued(OfCall):
    """A caller waits."""

    event = "call.queued"


class CallRinging(OfCall):
    """A call rings at an agent."""

    event = "call.ringing"


class CallConnecting(OfCall):
    """Somebody has picked up and is being connected."""

    event = "call.connecting"


class CallTalking(OfCall):
    """Caller and agent hear each other."""

    event = "call.talking"


class CallTransferred(OfCall):
    """A call went from one agent to another."""

    event = "call.transferred"


class CallUpdated(OfCall):
    """A call looks different now: held, muted, joined, left."""

    event = "call.updated"


class CallWrapped(OfCall):
    """Its agent has written it up."""

    event = "call.wrapped"


class CallEnded(OfCall):
    """A call is over; `outcome` is `answered`, `abandoned`, `voicemail` and what else `hub.calls.model` knows."""

    event = "call.ended"

    outcome: str


class CallFailed(OfCall):
    """The provider did not do what was asked: `what`, and the `error` in words."""

    event = "call.failed"

    what: str
    error: str


class CallMissed(OfCall):
    """Nobody answered somebody who called us."""

    event = "call.missed"


class CallMonitored(OfCall):
    """A supervisor listens (`mode`); for the audit, not for the agent's screen."""

    event = "call.monitored"

    mode: str


class CallRecorded(OfCall):
    """A recording is here."""

    event = "call.recorded"

    recording_id: int


class RecordingHeard(EventData):
    """Somebody listened to a recording."""

    event = "recording.heard"

    recording_id: int


class CallbackScheduled(EventData):
    """Somebody is to be called back."""

    event = "callback.scheduled"

    callback: int


class DeviceChanged(EventData):
    """An agent speaks by another telephone (`kind`), or theirs became ready."""

    event = "device.changed"

    kind: str
    ready: bool
