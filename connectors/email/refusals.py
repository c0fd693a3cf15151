"""What a mail server's definite reply means for a mail: later, never, or for some of its recipients."""

from __future__ import annotations

import re

from connectors.email.unreachable import line
from hub.channels.model import Outcome, SendError

_THROTTLED = re.compile(r"\b4\.7\.\d+\b|\btoo many\b|\brate\b|\bthrottl", re.IGNORECASE)


class Refusal(SendError):
    """A definite reply. `slow`: the server wants to hear less of us."""

    def __init__(self, detail: str, outcome: Outcome, *, slow: bool = False):
        super().__init__(detail, outcome=outcome, retry_after=120 if slow else None)
        self.slow = slow


def refusal(code: int, words: str) -> Refusal:
    """What a definite reply means: 4xx later, 5xx never, in the server's own words."""
    said = f"The mail server says {code} {line(words)}"
    if 500 <= code < 600:
        return Refusal(said, Outcome.FAILED)
    slow = 400 <= code < 500 and bool(code == 421 or _THROTTLED.search(words))
    return Refusal(said, Outcome.RETRY, slow=slow)


def worst(refused: dict[str, Refusal]) -> Refusal:
    """One refusal for all recipients: to be tried again when one of them may be."""
    found = next((r for r in refused.values() if r.outcome is Outcome.RETRY), next(iter(refused.values())))
    if len(refused) == 1:
        return found
    return Refusal(named(refused), found.outcome, slow=found.slow)


def named(refused: dict[str, Refusal]) -> str:
    """Each recipient with what was said of it."""
    return " ".join(f"{one}: {error.detail.rstrip('.')}." for one, error in refused.items())


def retry(detail: str, *, after: float | None = None) -> SendError:
    """Nothing has left: it is tried again."""
    return SendError(detail, outcome=Outcome.RETRY, retry_after=after)
