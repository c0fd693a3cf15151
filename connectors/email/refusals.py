"""What a mail server's definite reply means for a mail: later, never, or for some of its recipients."""

from __future__ import annotations

import re

from connectors.email.unreachable import line
from hub.channels.model import Outcome, SendError
from hub.channels.reasons import Reason

_THROTTLED = re.compile(r"\b4\.7\.\d+\b|\btoo many\b|\brate\b|\bthrottl", re.IGNORECASE)


class Refusal(SendError):
    """A definite reply. `slow`: the server wants to hear less of us."""

    def __init__(self, detail: str, outcome: Outcome, *, reason: str, slow: bool = False):
        code, params = Reason.SMTP_REFUSED, {"reason": reason}
        super().__init__(detail, outcome=outcome, retry_after=120 if slow else None, code=code, params=params)
        self.slow = slow


def refusal(code: int, words: str) -> Refusal:
    """What a definite reply means: 4xx later, 5xx never, in the server's own words."""
    reason = f"{code} {line(words)}"
    said = f"The mail server says {reason}"
    if 500 <= code < 600:
        return Refusal(said, Outcome.FAILED, reason=reason)
    slow = 400 <= code < 500 and bool(code == 421 or _THROTTLED.search(words))
    return Refusal(said, Outcome.RETRY, reason=reason, slow=slow)


def worst(refused: dict[str, Refusal]) -> Refusal:
    """One refusal for all recipients: to be tried again when one of them may be."""
    found = next((r for r in refused.values() if r.outcome is Outcome.RETRY), next(iter(refused.values())))
    if len(refused) == 1:
        return found
    return Refusal(named(refused), found.outcome, reason=quoted(refused), slow=found.slow)


def named(refused: dict[str, Refusal]) -> str:
    """Each recipient with what was said of it."""
    return " ".join(f"{one}: {error.detail.rstrip('.')}." for one, error in refused.items())


def quoted(refused: dict[str, Refusal]) -> str:
    """The same without our own words."""
    return "; ".join(f"{one}: {error.params['reason']}" for one, error in refused.items())


def retry(detail: str, *, after: float | None = None) -> SendError:
    """The server went away, and nothing has left: it is tried again."""
    return SendError(detail, outcome=Outcome.RETRY, retry_after=after, code=Reason.SMTP_WENT_AWAY)
