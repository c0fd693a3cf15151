"""How a provider may tell what happens: once, twice, late and overtaken; and what really happened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from email.utils import parsedate_to_datetime
from typing import Any

from tests.integration.calls.stage import CALLER, Stage

Open = Callable[..., AbstractAsyncContextManager[Stage]]
Form = dict[str, str]
MANNERS = ("once", "doubled", "shuffled")


def unruly(inner: AbstractAsyncContextManager[Stage], behavior: str) -> AbstractAsyncContextManager[Stage]:
    """A stage whose provider reports in this behavior; `both` is doubled and shuffled."""

    class Unruly:
        async def __aenter__(self) -> Stage:
            found = await inner.__aenter__()
            found.twilio.faults.duplicate = behavior in {"doubled", "both"}
            found.twilio.faults.jitter = 1.5 if behavior in {"shuffled", "both"} else 0.0
            return found

        async def __aexit__(self, *error: Any) -> None:
            await inner.__aexit__(*error)

    return Unruly()


async def record(scene: Stage, number: str = CALLER) -> dict[str, Any]:
    """The final record, and that nothing is left."""
    await scene.settled()
    assert await scene.wrong() == {}
    call = await scene.call(number)
    legs = await scene.legs(call["id"])
    assert all(leg["ended_at"] for leg in legs)
    return call


class Truth:
    """Everything the provider had to tell, in the order in which it happened."""

    def __init__(self) -> None:
        self.told: list[Form] = []

    def rang(self, call: str) -> float:
        """Seconds from the beginning of a call until somebody answered it, or it ended."""
        moments = [_at(form) for form in self.told if form.get("CallSid") == call and "CallbackSource" in form]
        return (moments[2] - moments[0]).total_seconds()  # initiated, ringing, and what then came

    def waited(self, call: str) -> int:
        """Seconds in the provider's queue."""
        return sum(int(form["QueueTime"]) for form in self.told if form.get("CallSid") == call and "QueueTime" in form)

    def talked(self, customer: str) -> tuple[float, float]:
        """Seconds that a customer talked to somebody, and was on hold."""
        talk = hold = 0.0
        here: set[str] = set()
        held, since = False, None
        for form in (f for f in self.told if "StatusCallbackEvent" in f and "CallSid" in f):
            at, who, what = _at(form), form["CallSid"], form["StatusCallbackEvent"]
            if since is not None and customer in here:
                lasted = (at - since).total_seconds()
                hold += lasted if held else 0.0
                talk += lasted if len(here) > 1 and not held else 0.0
            since = at
            if what in {"participant-join", "participant-leave"}:
                (here.add if what.endswith("join") else here.discard)(who)
            held = what == "participant-hold" if who == customer and "hold" in what else held and customer in here
        return talk, hold


def _at(form: Form) -> Any:
    return parsedate_to_datetime(form["Timestamp"])
