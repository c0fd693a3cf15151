"""What every number means, in one place. Reports, the board and exports use these and nothing else.

Attribution: buckets are cohorts (an entry counts in the quarter of an hour in which it was queued, whenever it is
answered), the board's curve counts at the event. Waits are counted from `queued_at`: a transfer starts a new one. The
wait of an entry ends once: put back by its agent and taken again, it was answered the first time.
"""

from __future__ import annotations

from dataclasses import dataclass

SERVICE_LEVEL_VARIANT = "answered within target / (offered - short abandons)"
BUCKET_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts and sums of one queue, channel and time, or of several added up.

    `abandoned` leaves out `short_abandoned`; `flowed_out` left the queue unanswered by transfer or closing;
    `wait_seconds` is the sum over the answered.
    """

    entered: int = 0
    answered: int = 0
    answered_in_target: int = 0
    abandoned: int = 0
    short_abandoned: int = 0
    flowed_out: int = 0
    wait_seconds: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.entered + other.entered,
            self.answered + other.answered,
            self.answered_in_target + other.answered_in_target,
            self.abandoned + other.abandoned,
            self.short_abandoned + other.short_abandoned,
            self.flowed_out + other.flowed_out,
            self.wait_seconds + other.wait_seconds,
        )

    @property
    def offered(self) -> int:
        """Entries whose wait has ended, however, without the short abandons."""
        return self.answered + self.abandoned + self.flowed_out

    @property
    def still_waiting(self) -> int:
        """Entries of the cohort whose wait has not ended: until it is 0 the cohort is open."""
        return self.entered - self.offered - self.short_abandoned

    @property
    def service_level(self) -> float | None:
        """Percent answered within the target, of the offered without short abandons; None without any."""
        return round(100 * self.answered_in_target / self.offered, 1) if self.offered else None

    @property
    def average_speed_of_answer(self) -> float | None:
        """ASA: mean wait of the answered, seconds; the wait of the abandoned is not in it."""
        return round(self.wait_seconds / self.answered, 1) if self.answered else None

    @property
    def abandonment(self) -> float | None:
        """Percent of the offered who left before an answer, short ones left out on both sides."""
        return round(100 * self.abandoned / self.offered, 1) if self.offered else None


@dataclass(frozen=True, slots=True)
class Scores:
    """Ratings from 1 to 5: how many, their sum, and how many of them are 4 or 5."""

    count: int = 0
    total: int = 0
    satisfied: int = 0

    def __add__(self, other: Scores) -> Scores:
        return Scores(self.count + other.count, self.total + other.total, self.satisfied + other.satisfied)

    @property
    def average(self) -> float | None:
        """The mean score; None without any."""
        return round(self.total / self.count, 2) if self.count else None

    @property
    def satisfaction(self) -> float | None:
        """CSAT: percent of the ratings that are 4 or 5; None without any."""
        return round(100 * self.satisfied / self.count, 1) if self.count else None
