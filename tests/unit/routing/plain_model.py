"""What the router kept in memory before desks were blended; see `plain_pool`."""

from __future__ import annotations

from routing.policy import Step


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
