"""Every kind of event there is. `python -m tools.event_catalogue` writes what is made out of it."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any, get_args, get_origin

from hub.access import roles as access
from hub.agents import events as agents
from hub.automation import events as automation
from hub.calls import events as calls
from hub.channels import events as channels
from hub.contacts import events as contacts
from hub.conversations import events as conversations
from hub.core import records
from hub.core.event_kinds import KINDS, EventData
from hub.messages import events as messages
from hub.queues import events as queues

OWNERS = (access, agents, automation, calls, channels, contacts, conversations, messages, queues, records)
CATALOGUE: dict[str, type[EventData]] = dict(sorted(KINDS.items()))
ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "develop" / "events.md"
CHECK = ROOT / "hub" / "migrations" / "attached" / "event_kinds.sql"

_PAGE = """# Events

Every change of state writes one event in its own transaction. Screens, numbers and automation read them, and so does
`GET /api/v1/events`. Which conversation, agent, queue, contact and actor an event is about is said beside its kind;
`data` has the facts below, those in italics only where they apply. Fields are only added. This page is written by
`make api`; the kinds are the classes in each domain's `events.py`.

| kind | what happened | `data` |
|---|---|---|
"""
_CHECK = """-- Whether a kind of event is in the catalogue: nothing else can be logged. Written by `make api`.
create or replace function public.event_kind_known(kind text) returns boolean
language sql immutable parallel safe as $$
    select kind in (
{kinds}
    )
$$;
"""


def page() -> str:
    """The table of `docs/develop/events.md`."""
    return _PAGE + "".join(
        f"| `{name}` | {_one_line(kind.__doc__ or '')} | {_fields(kind)} |\n" for name, kind in CATALOGUE.items()
    )


def check() -> str:
    """The function by which the database knows them."""
    return _CHECK.format(kinds=",\n".join(f"        '{name}'" for name in CATALOGUE))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _fields(kind: type[EventData]) -> str:
    shown = [
        f"`{name}` {_type(field.annotation)}" if field.is_required() else f"*`{name}` {_type(field.annotation)}*"
        for name, field in kind.model_fields.items()
    ]
    return ", ".join(shown) or "–"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is types.UnionType:
        return " or ".join(_type(one) for one in arguments)
    words = {int: "number", float: "seconds", str: "text", bool: "yes or no", type(None): "null", dict: "object"}
    if origin is list:
        return f"list of {_type(arguments[0])}"
    return words.get(origin or annotation, "time")


def main() -> int:
    """Write both."""
    PAGE.write_text(page(), encoding="utf-8")
    CHECK.write_text(check(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
