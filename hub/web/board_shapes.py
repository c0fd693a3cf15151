"""The shapes of the board and of historical numbers (see `hub.web.shapes`; meanings: `hub.reports.definitions`)."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from hub.web.shapes import Load, Presence_, Ref


class ServiceLevel(BaseModel):
    target_seconds: int | None
    percent: float | None
    answered_in_target: int
    offered: int
    variant: str


class QueueLive(BaseModel):
    id: int
    key: str
    name: str
    waiting: int
    longest_wait_seconds: float | None
    oldest_entered_at: datetime | None
    offered: int
    assigned: int
    service_level: ServiceLevel
    abandoned: int
    answered: int
    average_speed_of_answer: float | None
    agents_available: int
    agents_total: int


class AgentLive(BaseModel):
    id: int
    name: str
    state: Presence_
    reason: str | None
    since: datetime
    load: Load
    conversations: int
    wrapping: int


class AgentStates(BaseModel):
    available: int
    busy: int
    away: int
    offline: int
    wrap_up: int


class SeriesPoint(BaseModel):
    at: datetime
    arrived: int
    answered: int


class Board(BaseModel):
    at: datetime
    waiting: int
    longest_wait_seconds: float | None
    service_level: ServiceLevel
    answered: int
    abandoned: int
    agents: AgentStates
    queues: list[QueueLive]
    agent_list: list[AgentLive]
    series: list[SeriesPoint]


class QueueInterval(BaseModel):
    queue_id: int
    channel: str
    at: datetime
    attribution: str
    entered: int
    answered: int
    abandoned: int
    short_abandoned: int
    flowed_out: int
    open: int
    service_level: float | None
    service_level_variant: str
    average_speed_of_answer: float | None
    abandonment: float | None


class RatingSummary(BaseModel):
    """`satisfied` is CSAT: percent of the ratings that are 4 or 5."""

    of: Ref | None
    count: int
    average: float | None
    satisfied: float | None


class RatingReport(BaseModel):
    all: RatingSummary
    queues: list[RatingSummary]
    agents: list[RatingSummary]
