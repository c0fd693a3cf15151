"""What the router keeps in memory: agents by profile, waiting entries by group."""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.queues.decision_reasons import Because
from routing.policy import Step

Item = tuple[float, float, int, int, "Agent"]  # a ready agent: (load, idle since, number, token, they)
Buckets = dict[tuple[int, int], list[Item]]  # (room, bits) -> heap; see `routing.ready`
Asked = tuple[int, int, int, bool]  # (view, weight, barred bits, packed)


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
    channel: str
    weight: int
    key: float
    timeout: int
    because: list[Because]
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
    """An agent and what they hold, and what is worked out of it whenever that changes.

    `load`: the used fraction of the capacity; `rooms`: capacity left, per
    view; `full`: bits of the channels at their maximum; `fits`: bits of the heavy kinds that fit.
    """

    __slots__ = (
        "capacity", "counts", "fits", "full", "id", "idle_since", "load", "marks", "maxima", "not_before", "profile",
        "reason", "rooms", "state", "token", "used",
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
        self.load = 1.0
        self.counts: dict[str, int] = {}
        self.full = 0
        self.rooms: list[int] = []
        self.fits = 0
        self.marks: dict[int, tuple[int, int, int]] = {}  # kind's bit -> what this agent adds to its reserves
        self.token = 0
        self.not_before = 0.0

    def allows(self, channel: str, most: int) -> bool:
        """Whether one more item of a channel is within its maximum."""
        return self.counts.get(channel, 0) < self.maxima.get(channel, most)

    def takes(self, group: Group) -> bool:
        """Whether one more item of a group fits."""
        return self.rooms[group.view] >= group.weight and self.allows(group.channel, group.most)


class Profile:
    """Agents with the same queues and skills.

    `reserves`: of the heavy groups they serve, by the bit of their kind; `locked`, `tight`: bits of the kinds that are
    so for one of these groups, `causes` how many of them make it so. `found`: who was found ready by what was asked,
    until one of the agents changes; see `routing.ready`.
    """

    __slots__ = (
        "agents", "causes", "flexibility", "found", "groups", "locked", "queues", "ready", "reserves", "skills",
        "tight",
    )  # fmt: skip

    def __init__(self, queues: tuple[int, ...], skills: tuple[tuple[str, int], ...], views: int):
        self.queues = frozenset(queues)
        self.skills = dict(skills)
        self.flexibility = len(queues) + len(skills)
        self.agents: dict[int, Agent] = {}
        self.groups: list[tuple[float, Group]] = []
        self.ready: list[Buckets] = [{} for _ in range(views)]
        self.reserves: dict[int, list[Reserve]] = {}
        self.found: dict[Asked, Agent | None] = {}
        self.locked = self.tight = 0
        self.causes: dict[int, int] = {}  # how many reserves lock a kind, by its bit; make it tight, by minus its bit


class Group:
    """Waiting entries that ask for the same, in order of their key."""

    __slots__ = (
        "armed", "bars", "bit", "channel", "heap", "levels", "most", "near", "placement", "profiles", "queue_id",
        "reserve", "special", "step", "view", "weight", "yields", "yields_to_all",
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
        self.bars = 0  # bits of the heavy kinds among these that its entries count against
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
    """Of one heavy group: the three numbers, and what follows from them, worked out when they change."""

    kind: Kind
    group: Group
    eligible: int = 0
    free: int = 0
    in_progress: int = 0
    kept: int = 0  # how many are kept free
    floor: int = -1  # while more than this and fewer than `ceiling` are free, it stays locked and tight as it is
    ceiling: int = 0
    locked: bool = False  # some are kept, and no more are free
    tight: bool = False  # light work is packed
    served: list[Profile] = field(default_factory=list[Profile])  # by whom
    blocked: dict[int, Group] = field(default_factory=dict[int, Group])  # groups with entries that wait for the lock
