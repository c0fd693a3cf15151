"""The center as a file: queues, skills, people, hours, accounts, templates. What `hub apply` reads."""

from __future__ import annotations

import datetime
import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    Tag,
    ValidationError,
    model_serializer,
    model_validator,
)

from hub.access.permissions import Permission, Scope
from hub.core.errors import ConfigError
from hub.core.field_errors import form, named, refuse
from hub.core.timezones import TimeZone
from hub.provisioning.yielding import circle
from hub.queues.hours import holiday_problems

Key = Annotated[str, StringConstraints(pattern=form("slug", r"^[a-z0-9][a-z0-9_-]{0,60}$"))]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Clock = Annotated[str, StringConstraints(pattern=form("clock", r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$"))]
Span = tuple[Clock, Clock]
Seconds = Annotated[int, Field(ge=0, le=10_000_000)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SpecialDay(_Part):
    """A date with hours of its own, or the public holidays of a country or a part of one (ISO 3166)."""

    date: datetime.date | None = None
    open: list[Span] = []
    country: Annotated[str, StringConstraints(pattern=form("country", r"^[A-Z]{2}$"))] | None = None
    subdivision: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = None  # England, BY, US-CA

    @model_validator(mode="after")
    def _means_something(self) -> SpecialDay:
        if (self.date is None) == (self.country is None):
            raise refuse("holiday")
        if self.country is not None and self.open:
            raise refuse("holiday_hours")
        if wrong := holiday_problems(self.country, self.subdivision):
            raise ValueError(wrong[0])
        return self

    @model_serializer(mode="wrap")
    def _without_nothing(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        kept: dict[str, Any] = handler(self)
        if self.subdivision is None:  # as files without it were always stored
            del kept["subdivision"]
        return kept


def _kind(value: object) -> str:
    """Which of the two a holiday is meant to be, so that what is wrong with it is said once."""
    return "(special)" if isinstance(value, dict | SpecialDay) else "(date)"


Holiday = Annotated[
    Annotated[datetime.date, Tag("(date)")] | Annotated[SpecialDay, Tag("(special)")], Discriminator(_kind)
]


class Hours(_Part):
    """When a queue is open. A span that ends before it starts passes midnight."""

    key: Key
    timezone: TimeZone
    week: dict[Day, list[Span]] = {}
    holidays: list[Holiday] = []


class Skill(_Part):
    """Something an agent can do."""

    key: Key
    name: Name


class Queue(_Part):
    """Where work waits. `hours` names one of the file's."""

    key: Key
    name: Name
    target_seconds: Seconds = 60
    service_level_seconds: Seconds = 20
    short_abandon_seconds: Seconds = 5
    priority_seconds: int = 0
    wrap_up_seconds: Seconds = 0
    hours: Key | None = None


class Role(_Part):
    """A role of one's own: permissions, each with how far it reaches."""

    key: Annotated[str, StringConstraints(pattern=form("key", r"^[a-z][a-z0-9_-]{0,39}$"))]
    name: Name
    permissions: dict[Permission, Scope] = {}


class Agent(_Part):
    """A person. `skills` gives a level from 1 to 5 to each."""

    email: Annotated[str, StringConstraints(to_lower=True, max_length=320, pattern=form("email", r"^[^@\s]+@[^@\s]+$"))]
    name: Name
    role: Key = "agent"
    locale: Literal["en", "zh-CN"] = "en"
    capacity: Annotated[int, Field(ge=0, le=10_000)] = 100
    queues: list[Key] = []
    skills: dict[Key, Annotated[int, Field(ge=1, le=5)]] = {}


class Step(_Part):
    """What an agent must be able to do, for so many seconds; then the next step counts."""

    skills: dict[Key, Annotated[int, Field(ge=1, le=5)]] = {}
    seconds: Seconds | None = None


class Account(_Part):
    """A mailbox, number or chat site. `settings` are the connector's own; secrets as ${VARIABLE}."""

    key: Key
    connector: str
    channel: str
    name: Name
    address: str | None = None
    queue: Key | None = None
    priority_seconds: int = 0
    locale: str | None = None
    enabled: bool = True
    requirements: list[Step] = []
    signature: Annotated[str, Field(max_length=4000)] = ""
    settings: dict[str, Any] = {}


class Template(_Part):
    """A canned text; with `account`, for answers by that account alone."""

    key: Key
    locale: str = "en"
    name: Name
    channel: str | None = None
    account: Key | None = None
    subject: str = ""
    body: str


class Disposition(_Part):
    """An outcome code."""

    key: Key
    name: Name
    position: int = 0


class ChannelPolicy(_Part):
    """How much one item of a channel weighs, how many one agent may hold, how it is offered."""

    weight: Annotated[int, Field(ge=0, le=10_000)]
    max_per_agent: Annotated[int, Field(ge=0, le=10_000)]
    offer_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)]
    auto_accept: bool = False
    yields_to: list[Key] | None = None  # channels that do not count what is held of this one; None: as it is
    placement: Literal["auto", "spread", "pack"] | None = None
    release_on_silence: bool | None = None


class Routing(_Part):
    """What is kept free for work that fills an agent, as calls (see docs/admin/routing.md); a factor of 0: nothing."""

    reserve_factor: Annotated[float, Field(ge=0, le=10)] = 1.5
    reserve_cap: Annotated[float, Field(ge=0, le=1)] = 0.2
    spread_floor: Annotated[float, Field(ge=0, le=1)] = 1 / 3


class Automation(_Part):
    """Seconds until something follows by itself; 0 turns a kind off (see docs/admin/automation.md).

    `satisfaction_pause_days`: how long somebody who was asked how it was is not asked again.
    """

    reminder: Seconds = 48 * 3600
    close: Seconds = 72 * 3600
    satisfaction: Seconds = 300
    satisfaction_pause_days: Annotated[int, Field(ge=0, le=3650)] = 7
    missed_chat: Seconds = 60
    missed_call: Seconds = 60
    missed_reply: Seconds = 1800


class Center(_Part):
    """The whole file."""

    hours: list[Hours] = []
    skill: list[Skill] = []
    queue: list[Queue] = []
    role: list[Role] = []
    agent: list[Agent] = []
    account: list[Account] = []
    template: list[Template] = []
    disposition: list[Disposition] = []
    channel: dict[Key, ChannelPolicy] = {}
    automation: Automation | None = None
    routing: Routing | None = None


def read(file: Path, variables: Mapping[str, str] | None = None) -> Center:
    """The center of a TOML file; a `ConfigError` names file, place and remedy. `${NAME}` comes from the environment."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror}.", remedy="Give the path of a center.toml."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 text: {error}.", remedy="Save it as UTF-8.") from error
    try:
        center = Center.model_validate(_filled(tomllib.loads(text), {**os.environ, **(variables or {})}, file, ""))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}.", remedy="Correct that line.") from error
    except ValidationError as error:
        lines = [f"{file}: {_place(place)}: {what}" for place, what in named(error)]
        raise ConfigError("\n".join(lines), remedy="Correct these and apply again; nothing was changed.") from None
    _check_names(center, file)
    return center


def _place(loc: tuple[int | str, ...]) -> str:
    """`agent[2].skills.billing`: counting from 1, as people do, without our own names of kinds."""
    text = ""
    for part in loc:
        if isinstance(part, str) and part.startswith("("):
            continue
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _filled(value: Any, variables: Mapping[str, str], file: Path, place: str) -> Any:
    match value:
        case str():
            return _VARIABLE.sub(lambda found: _variable(found[1], variables, file, place), value)
        case dict():
            return {k: _filled(v, variables, file, f"{place}.{k}".lstrip(".")) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - TOML
        case list():
            return [_filled(v, variables, file, f"{place}[{n}]") for n, v in enumerate(value, 1)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - TOML
        case _:
            return value


def _variable(name: str, variables: Mapping[str, str], file: Path, place: str) -> str:
    try:
        return variables[name]
    except KeyError:
        raise ConfigError(
            f"{file}: {place}: the environment variable {name} is not set.", remedy=f"Set {name}, then apply again."
        ) from None


def _check_names(center: Center, file: Path) -> None:
    """No key twice, and channels that can give way to each other."""
    known: dict[str, list[str]] = {kind: [part.key for part in getattr(center, kind)] for kind in KEYED}
    problems: list[str] = []
    if path := circle({name: policy.yields_to or [] for name, policy in center.channel.items()}):
        problems.append(f"{file}: channels yield to each other in a circle: {' → '.join(path)}")
    known["agent"] = [agent.email for agent in center.agent]
    known["template"] = [f"{template.key} ({template.locale})" for template in center.template]
    for kind, keys in known.items():
        twice = sorted({k for k in keys if keys.count(k) > 1})
        problems += [f"{file}: {kind} {key!r} is defined twice" for key in twice]
    if problems:
        raise ConfigError("\n".join(problems), remedy="Correct these and apply again; nothing was changed.")


KEYED = ("hours", "skill", "queue", "account", "disposition")


def unknown_names(center: Center, known: Mapping[str, Collection[str]]) -> list[str]:
    """What the file names and neither it nor the hub has, each in a line; `known`: the hub's keys by kind."""
    return [
        f"{place}: there is no {kind} {key!r}, neither in the file nor in the hub"
        for kind, key, place in _names_used(center)
        if key is not None and key not in known[kind] and all(part.key != key for part in getattr(center, kind))
    ]


def _names_used(center: Center) -> Iterator[tuple[str, str | None, str]]:
    """(kind, key, place) of every reference from one part to another."""
    for queue in center.queue:
        yield "hours", queue.hours, f"queue {queue.key!r}, hours"
    for agent in center.agent:
        yield from (("queue", key, f"agent {agent.email!r}, queues") for key in agent.queues)
        yield from (("skill", key, f"agent {agent.email!r}, skills") for key in agent.skills)
    for account in center.account:
        yield "queue", account.queue, f"account {account.key!r}, queue"
        steps = (key for step in account.requirements for key in step.skills)
        yield from (("skill", key, f"account {account.key!r}, requirements") for key in steps)
    for template in center.template:
        yield "account", template.account, f"template {template.key!r}, account"
