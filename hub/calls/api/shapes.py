"""The shapes of telephony."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from hub.core.field_errors import form
from hub.web.shapes import Id, In, Line, Ref

Number = Annotated[str, StringConstraints(min_length=2, max_length=40)]


class Leg(BaseModel):
    id: int
    role: Literal["customer", "agent", "third", "supervisor"]
    mode: str
    consult: bool
    endpoint: str | None
    agent: Ref | None
    state: Literal["dialling", "ringing", "answered", "talking", "held", "ended"]
    muted: bool
    offered: bool
    end_reason: str | None
    ring_seconds: int | None


class Recording(BaseModel):
    id: int
    kind: Literal["call", "voicemail"]
    state: Literal["remote", "stored", "lost"]
    seconds: int
    transcript: str | None


class CallView(BaseModel):
    id: int
    conversation_id: int
    direction: Literal["in", "out"]
    kind: Literal["call", "callback"]
    number: str
    our_number: str
    state: Literal["menu", "queued", "connecting", "talking", "voicemail", "ended"]
    outcome: str | None
    disposition: str | None
    recording: Literal["off", "on", "paused"]
    started_at: datetime
    queued_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    menu_seconds: int | None
    wait_seconds: int | None
    talk_seconds: int | None
    hold_seconds: int | None
    wrap_seconds: int | None
    server_now: datetime
    queue: Ref | None
    agent: Ref | None
    contact: Ref
    legs: list[Leg]
    recordings: list[Recording]


class CallList(BaseModel):
    items: list[CallView]


class Switch(In):
    on: bool


class KeyPresses(In):
    keys: Annotated[str, StringConstraints(max_length=40, pattern=form("keypad", r"^[0-9*#w]{1,40}$"))]


class CallTarget(In):
    queue_id: Id | None = None
    agent_id: Id | None = None
    number: Number | None = None


class FinishConsult(In):
    how: Literal["complete", "merge", "cancel"]


class MonitorCall(In):
    mode: Literal["listen", "whisper", "barge"]


class WrapUpCall(In):
    disposition: Annotated[str, StringConstraints(max_length=100)] | None = None
    resolve: bool = True


class NewCall(In):
    number: Number
    account_id: Id | None = None
    conversation_id: Id | None = None


class OurNumber(BaseModel):
    account_id: int
    name: str
    number: str


class Device(BaseModel):
    kind: Literal["browser", "phone"] | None
    number: str | None
    ready: bool
    simulated: bool
    coach: bool
    numbers: list[OurNumber]


class NewDevice(In):
    kind: Literal["browser", "phone"]
    number: Number | None = None
    ready: bool = True


class DeviceToken(BaseModel):
    identity: str
    token: str
    seconds: int
    simulated: bool


class DevicePress(In):
    do: Literal["answer", "refuse", "hangup"]


class NewCallback(In):
    due_at: AwareDatetime
    number: Number | None = None
    mine: bool = False
    note: Line = ""


class Callback(BaseModel):
    id: int
    number: str
    due_at: datetime
    state: Literal["scheduled", "waiting", "done", "failed", "cancelled"]
    attempts: int
    note: str


class CallbackList(BaseModel):
    items: list[Callback]


class CreatedCallback(BaseModel):
    id: Annotated[int, Field(ge=1)]
