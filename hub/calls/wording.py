"""What the record says of a call: a code with its parameters for screens, and the English of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_WHOSE = {"in": "Incoming call", "out": "Outgoing call", "callback": "Callback"}
_BECAME = {
    "abandoned": "the caller hung up while waiting", "left_menu": "the caller hung up", "voicemail": "voicemail",
    "callback": "callback requested", "closed": "outside business hours", "no_answer": "no answer", "busy": "busy",
    "failed": "could not be connected", "cancelled": "called off",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """Words of the hub's own, as they lie in `conversation.said` and in a message's `meta`."""

    code: str
    params: dict[str, Any]
    text: str

    def row(self) -> dict[str, Any]:
        """As JSON."""
        return {"code": self.code, "params": self.params, "text": self.text}


TALKING = Said("call.on", {}, "On the phone")


def begun(direction: str, kind: str) -> Said:
    """Of a call that goes on; `kind` as in `call.kind`."""
    sort = "callback" if kind == "callback" else direction
    return Said(f"call.{sort}", {}, _WHOSE[sort])


def ended(direction: str, outcome: str, *, agents: Sequence[str], by_us: bool) -> Said:
    """Of a call that is over: what became of it, who talked with the customer in order, whether one of us hung up."""
    in_order = [name for n, name in enumerate(agents) if n == 0 or name != agents[n - 1]]
    parts = [_WHOSE[direction], _BECAME.get(outcome), ", then ".join(in_order), "the agent hung up" if by_us else None]
    params = {"outcome": outcome, "agents": in_order, "by_us": by_us}
    return Said(f"call.{direction}", params, ", ".join(part for part in parts if part))
