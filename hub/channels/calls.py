"""Telephony in the hub's own words: commands to a provider, events from it, and what a caller hears.

Provider words (TwiML, NCCO, AMI…) stop at the connector. Providers come in two kinds: those that ask for a document
when something happens (the connector renders `Step`s into it), and those that are told each step (it performs them).
Both report the same `CallEvent`s and take the same `Command`s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from aiohttp import web

from hub.channels.model import Accept, Account, Connector
from hub.core.errors import HubError


class CallEventKind(StrEnum):
    """What can be reported about a call. ASKED is no report: a leg merely wants to know what it hears next."""

    ASKED = "asked"

    INCOMING = "call.incoming"
    INITIATED = "call.initiated"
    RINGING = "call.ringing"
    ANSWERED = "call.answered"
    ENDED = "call.ended"
    INPUT = "input"
    QUEUE_LEFT = "queue.left"
    JOINED = "participant.joined"
    LEFT = "participant.left"
    HELD = "participant.held"
    UNHELD = "participant.unheld"
    MUTED = "participant.muted"
    UNMUTED = "participant.unmuted"
    ROOM_ENDED = "room.ended"
    RECORDED = "recording.ready"
    TRANSCRIBED = "recording.transcribed"


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One report. `leg` is the provider's id of the telephone it is about, `leg_id` and `call_id` ours where known.

    `dedup_key` is the same for the same report. `at` is the provider's moment (None: it says none), `seq` its order
    within the leg or room. `reason`: of ENDED `completed`, `busy`, `no_answer`, `failed`, `canceled`; of QUEUE_LEFT
    `hangup`, `leave`, `redirected`, `full`, `error`. `keys` and `words` are the caller's input; `data` holds facts
    of the kind (`seconds` waited or recorded, `recording`, `voicemail`; `turn` of a `Gather`).
    """

    account_id: int
    kind: CallEventKind
    leg: str
    dedup_key: str
    leg_id: int | None = None
    call_id: int | None = None
    seq: int | None = None
    at: datetime | None = None
    reason: str = ""
    sender: str = ""
    to: str = ""
    keys: str = ""
    words: str = ""
    data: dict[str, Any] = field(default_factory=dict[str, Any])
    raw: dict[str, str] = field(default_factory=dict[str, str])


# -- what a caller hears ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Say:
    """Speak a text in a language (BCP 47); `voice` is the provider's name of one, empty for its default."""

    text: str
    locale: str
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Play:
    """Play a sound file from a URL."""

    url: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence, in seconds."""

    seconds: int


Sound = Say | Play | Pause


@dataclass(frozen=True, slots=True)
class Gather:
    """Ask for one key or, with `speech`, some words; then the stage `then`, with whatever came, nothing included.

    `turn` comes back with the answer, so that an answer told twice is one answer.
    """

    prompts: tuple[Sound, ...]
    then: str
    locale: str
    speech: bool = False
    hints: tuple[str, ...] = ()
    seconds: int = 5
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Park:
    """Wait in our queue; the stage `wait` says what is heard, again and again. `turn` tells one wait from another."""

    queue: str
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Join:
    """Talk in a room. The customer's leaving `ends` it; `record` from the start, all legs."""

    room: str
    label: str
    ends: bool = False
    record: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """Take a message of at most `seconds`; then the stage `then`."""

    seconds: int
    then: str
    transcribe: bool = False


@dataclass(frozen=True, slots=True)
class Unpark:
    """Leave the queue's wait; the stage `parked` goes on."""


@dataclass(frozen=True, slots=True)
class Go:
    """Go on with a stage."""

    stage: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""


Step = Say | Play | Pause | Gather | Park | Unpark | Join | Record | Go | Hangup


# -- what we ask of a provider ---------------------------------------------------------------------------------------
class CommandKind(StrEnum):
    """What can be asked. Only the first two may ring somebody, so only their outcome is ever left unknown."""

    RING = "ring"  # an endpoint, into the call's room
    RING_PRESS = "ring_press"  # a telephone of an agent, who presses 1 first: a voicemail never does
    SEND = "send"  # a live leg to a stage
    HANG_UP = "hang_up"
    HOLD = "hold"
    UNHOLD = "unhold"
    MUTE = "mute"
    UNMUTE = "unmute"
    COACH = "coach"  # data.mode: listen, whisper, barge
    KEYS = "keys"  # data.keys: DTMF into the room
    PAUSE_RECORDING = "pause_recording"
    RESUME_RECORDING = "resume_recording"


RINGS = frozenset({CommandKind.RING, CommandKind.RING_PRESS})


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to do. `leg` is the provider's id of the telephone it is about, None while it has to be rung.

    `data` of the ringing kinds: `seconds`, `record`, `mode` and, for coaching, `coached` (a provider's id).
    """

    id: int
    kind: CommandKind
    call_id: int
    leg_id: int | None
    room: str
    leg: str | None
    label: str
    endpoint: str
    caller_id: str
    attempt: int
    data: dict[str, Any]


class CallOutcome(StrEnum):
    """What a failed command means."""

    RETRY = "retry"
    FAILED = "failed"
    GONE = "gone"  # the telephone or room it is about is no more
    UNKNOWN = "unknown"  # it may ring: never asked again blindly


class CallError(HubError):
    """The provider did not do it."""

    def __init__(self, detail: str, *, outcome: CallOutcome, retry_after: float | None = None):
        super().__init__(detail)
        self.outcome = outcome
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class LiveLeg:
    """A telephone the provider says is up: in one of our rooms, or parked."""

    leg: str
    room: str | None
    others: int = 0  # telephones in the room beside it


@dataclass(frozen=True, slots=True)
class DeviceToken:
    """What a browser needs to be a telephone; `simulated`: there is none, answering is by `answer_device`."""

    identity: str
    token: str
    seconds: int
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class SoundFile:
    """A recording, fetched."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class CallCapabilities:
    """What a provider can do; what it cannot, the desk does not offer."""

    coach: bool = False
    recording_pause: bool = False
    speech: bool = False
    browser_origins: tuple[str, ...] = ()  # what a browser's telephone connects to


class CallDesk(Protocol):
    """The hub's side: what a telephony connector hands over and asks."""

    async def event(self, event: CallEvent) -> None:
        """Store a report and act on it; returns after the commit. Repeats and late ones are harmless."""
        ...

    async def steps(self, event: CallEvent, stage: str) -> list[Step]:
        """The same, and what this leg hears now. `stage` is `start`, or what an earlier step named."""
        ...


class CallControl(Protocol):
    """A connector's side of telephony: its attribute `calls`."""

    @property
    def capabilities(self) -> CallCapabilities:
        """What the provider can do."""
        ...

    def routes(self, desk: CallDesk, accounts: Accept) -> Iterable[web.RouteDef]:
        """Webhooks, all under `/hooks/<name>/`; they verify signatures themselves."""
        ...

    async def perform(self, account: Account, command: Command, wire: Callable[[], Awaitable[None]]) -> str | None:
        """Do it; the provider's id of a leg that was made. `CallError` else. `await wire()` before what may ring."""
        ...

    async def state(self, account: Account, leg: str) -> str | None:
        """None while a leg lives, else how it ended; `failed` for one nobody knows."""
        ...

    async def live(self, account: Account) -> list[LiveLeg]:
        """Every telephone in our rooms and queues."""
        ...

    async def fetch_recording(self, account: Account, recording: str) -> SoundFile:
        """A recording's sound; `CallError`."""
        ...

    async def delete_recording(self, account: Account, recording: str) -> None:
        """Delete it at the provider; one that is gone is deleted."""
        ...

    def device(self, account: Account, agent_id: int) -> DeviceToken:
        """A browser's admission as this agent's telephone."""
        ...

    async def answer_device(self, account: Account, agent_id: int, do: str) -> bool:
        """Make a simulated device `answer`, `refuse` or `hangup`; False when nothing rings there."""
        ...


def call_control(connector: Connector | None) -> CallControl | None:
    """The telephony of a connector, if it has any."""
    return getattr(connector, "calls", None)
