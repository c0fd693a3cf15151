"""What the router keeps in memory: agents by profile, waiting entries by group."""

from __future__ import annotations

from dataclasses import dataclass, field

from routing import policy
from routing.policy import Blend, Step

Item = tuple[float, float, int, int]  # a ready agent: (load, idle since, agent, token)
Buckets = dict[tuple[int, int], list[Item]]  # (room, bits) -> heap; see `routing.ready`


@dataclass(frozen=True, slots=True)
class Channel:
    """How a channel is offered, and what it gives way to.

    `yields_to`: channels that do not count what an agent holds of this one, so that it never keeps them from
    anybody; it is paused meanwhile. `placement`: whom an arriving item goes to, `auto`, `spread` (least load) or `pack`
    (least room).
    """

    max_per_agent: int
    timeout: int
    auto_accept: bool
    yields_to: frozenset[str] = frozenset()
    placement: str = "auto"


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


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry that waits since those who could take it are kept free for heavy work of `channel`, until it is due."""

    entry_id: int
    due: float
    channel: str
    free: int
    kept: int


class Agent:
    """An agent and what they hold. `rooms`: capacity left, per view; `fits`: bits of the heavy kinds that fit."""

    __slots__ = (
        "capacity", "counts", "fits", "id", "idle_since", "marks", "maxima", "not_before", "profile", "reason", "rooms",
        "state", "token", "used",
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
        self.rooms: list[int] = []
        self.fits = 0
        self.marks: dict[int, tuple[int, int, int]] = {}  # kind's bit -> what this agent adds to its reserves
        self.token = 0
        self.not_before = 0.0

    @property
    def load(self) -> float:
        """The used fraction of the capacity."""
        return self.used / self.capacity if self.capacity else 1.0

    def allows(self, channel: str, most: int) -> bool:
        """Whether one more item of a channel is within its maximum."""
        return self.counts.get(channel, 0) < self.maxima.get(channel, most)

    def takes(self, group: Group) -> bool:
        """Whether one more item of a group fits."""
        return self.rooms[group.view] >= group.weight and self.allows(group.channel, group.most)


class Profile:
    """Agents with the same queues and skills. `reserves` are of the heavy groups they serve."""

    __slots__ = ("agents", "flexibility", "groups", "queues", "ready", "reserves", "skills")

    def __init__(self, queues: tuple[int, ...], skills: tuple[tuple[str, int], ...], views: int):
        self.queues = frozenset(queues)
        self.skills = dict(skills)
        self.flexibility = len(queues) + len(skills)
        self.agents: dict[int, Agent] = {}
        self.groups: list[tuple[float, Group]] = []
        self.ready: list[Buckets] = [{} for _ in range(views)]
        self.reserves: list[Reserve] = []


class Group:
    """Waiting entries that ask for the same, in order of their key."""

    __slots__ = (
        "armed", "bit", "channel", "heap", "levels", "most", "near", "placement", "profiles", "queue_id", "reserve",
        "special", "step", "view", "weight", "yields", "yields_to_all",
    )  # fmt: skip

    def __init__(self, queue_id: int, channel: str, weight: int, step: Step, most: int):
        self.queue_id = queue_id
        self.channel = channel
        self.weight = weight
        self.step = step
        self.most = most
        self.view = 0  # which of an agent's rooms counts
        self.bit = 0  # marks agents who are at the channel's maximum
        self.placement = "auto"
        self.yields: frozenset[str] = frozenset()
        self.yields_to_all = False
        self.reserve: Reserve | None = None  # what is kept free for it, if it is heavy
        self.near: dict[int, Reserve] = {}  # by id: what is kept free of the agents who serve it
        self.armed: set[float] = set()  # moments at which a lock that keeps its entries waiting is over
        self.heap: list[tuple[float, int, int]] = []  # (due, entry, token)
        self.special: list[tuple[float, int, int]] = []  # the same, for entries that somebody may not get; sorted
        self.profiles: list[tuple[int, int, int, Profile]] = []  # (-level, flexibility, n, profile), the best first
        self.levels: dict[int, int] = {}  # id(profile) -> level


@dataclass(frozen=True, slots=True)
class Kind:
    """Heavy work of one channel and weight. `bit` marks the agents for whom one more fits."""

    channel: str
    weight: int
    view: int
    most: int
    bit: int


@dataclass(slots=True)
class Reserve:
    """Of one heavy group. What follows from the three numbers is worked out when somebody asks for it."""

    kind: Kind
    group: Group
    blend: Blend
    eligible: int = 0
    free: int = 0
    in_progress: int = 0
    blocked: dict[int, Group] = field(default_factory=dict[int, Group])  # groups with entries that wait for the lock
    _kept: int | None = 0
    _tight: bool | None = False

    def add(self, change: tuple[int, int, int]) -> None:
        """Adjust the three numbers."""
        self.eligible += change[0]
        self.free += change[1]
        self.in_progress += change[2]
        self._tight = None
        if change[0] or change[2]:
            self._kept = None

    @property
    def kept(self) -> int:
        """How many are kept free."""
        if self._kept is None:
            self._kept = policy.reserve(self.blend, self.eligible, self.in_progress)
        return self._kept

    @property
    def locked(self) -> bool:
        """Whether no more are free than are kept."""
        return self.free <= self.kept

    @property
    def tight(self) -> bool:
        """Whether light work is packed."""
        if self._tight is None:
            self._tight = self.eligible > 0 and policy.tight(self.blend, self.eligible, self.free, self.kept)
        return self._tight
