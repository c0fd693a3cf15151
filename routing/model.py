"""What the router keeps in memory: agents by profile, waiting entries by group."""

from __future__ import annotations

from dataclasses import dataclass

from routing.policy import Step


@dataclass(frozen=True, slots=True)
class Channel:
    """How a channel is offered."""

    max_per_agent: int
    timeout: int
    auto_accept: bool


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """An agent as the database knows them."""

    id: int
    capacity: int
    state: str
    reason: str | None
    idle_since: float
    queues: tuple[int, ...]
    skills: tuple[tuple[str, int], ...]
    maxima: dict[str, int]


@dataclass(slots=True)
class Waiting:
    """A waiting entry. Times are in seconds since the epoch; `token` marks its current place."""

    id: int
    conversation_id: int
    queue_id: int
    channel: str
    entered: float
    queued: float
    due: float
    weight: int
    steps: tuple[Step, ...]
    sticky_agent_id: int | None
    sticky_until: float
    excluded: dict[int, float]
    not_before: float = 0.0
    token: int = 0


@dataclass(frozen=True, slots=True)
class Pick:
    """One decision: this entry is to be offered to this agent. `considered` is JSON."""

    entry_id: int
    agent_id: int
    key: float
    timeout: int
    reason: str
    considered: str


class Agent:
    """An agent and what they hold."""

    __slots__ = (
        "capacity", "counts", "id", "idle_since", "maxima", "not_before", "profile", "reason", "state", "token", "used"
    )  # fmt: skip

    def __init__(self, agent_id: int):
        self.id = agent_id
        self.state = "offline"
        self.reason: str | None = None
        self.capacity = 0
        self.idle_since = 0.0
        self.maxima: dict[str, int] = {}
        self.profile: Profile | None = None
        self.used = 0
        self.counts: dict[str, int] = {}
        self.token = 0
        self.not_before = 0.0

    @property
    def load(self) -> float:
        """The used fraction of the capacity."""
        return self.used / self.capacity if self.capacity else 1.0

    def room(self, channel: str, weight: int, most: int) -> bool:
        """Whether one more item of a channel fits."""
        return self.used + weight <= self.capacity and self.counts.get(channel, 0) < self.maxima.get(channel, most)


class Profile:
    """Agents with the same queues and skills."""

    __slots__ = ("agents", "flexibility", "groups", "queues", "ready", "skills")

    def __init__(self, queues: tuple[int, ...], skills: tuple[tuple[str, int], ...]):
        self.queues = frozenset(queues)
        self.skills = dict(skills)
        self.flexibility = len(queues) + len(skills)
        self.agents: dict[int, Agent] = {}
        self.groups: list[tuple[float, Group]] = []
        self.ready: list[tuple[float, float, int, int]] = []  # (load, idle since, agent, token)


class Group:
    """Waiting entries that ask for the same, in order of their key."""

    __slots__ = ("channel", "heap", "levels", "most", "profiles", "queue_id", "special", "step", "weight")

    def __init__(self, queue_id: int, channel: str, weight: int, step: Step, most: int):
        self.queue_id = queue_id
        self.channel = channel
        self.weight = weight
        self.step = step
        self.most = most
        self.heap: list[tuple[float, int, int]] = []  # (due, entry, token)
        self.special: list[tuple[float, int, int]] = []  # the same, for entries that somebody may not get; sorted
        self.profiles: list[tuple[int, int, int, Profile]] = []  # (-level, flexibility, n, profile), the best first
        self.levels: dict[int, int] = {}  # id(profile) -> level
