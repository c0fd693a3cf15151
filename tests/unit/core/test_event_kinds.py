"""The catalogue of events: whole, written down, and the only kinds that readers and statements name."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from hub.agents.events import OfferEnded
from hub.conversations.events import ConversationSnoozed
from hub.core.event_kinds import EventData
from hub.queues.events import EntryAnswered
from tools import event_catalogue
from tools.event_catalogue import CATALOGUE, OWNERS

ROOT = Path(__file__).parents[3]
AREAS = "|".join(sorted({kind.partition(".")[0] for kind in CATALOGUE}))
NAMED = re.compile(rf"""['"]((?:{AREAS})\.[a-z_]+)['"]""")
OTHERS = {  # a setting's name, what a visitor's screen is asked, a column, what a provider says of calls
    "automation.late",
    "rating.ask",
    "address.kind",
    "call.initiated",
    "call.answered",
}


def test_page_and_check_are_written_from_the_catalogue() -> None:
    for file, text in (
        (event_catalogue.PAGE, event_catalogue.page()),
        (event_catalogue.CHECK, event_catalogue.check()),
    ):
        assert file.read_text(encoding="utf-8") == text, f"Write {file.name} anew with `make api`, and commit it."


def test_every_kind_is_documented_and_belongs_to_its_domain() -> None:
    for name, kind in CATALOGUE.items():
        assert (kind.__doc__ or "").strip() != (EventData.__doc__ or "").strip(), name
        assert kind.__module__ in {owner.__name__ for owner in OWNERS}, name
        assert "| object" not in event_catalogue.page() or name == "presence.changed"


def test_readers_name_kinds_of_the_catalogue_alone() -> None:
    found: set[str] = set()
    for top in ("hub", "routing", "workers", "connectors"):
        for file in (ROOT / top).rglob("*"):
            if file.suffix in {".py", ".sql"} and not {"node_modules", "_ui", "ui"} & set(file.parts):
                lines = file.read_text(encoding="utf-8").splitlines()
                found |= {name for line in lines if "kind" in line for name in NAMED.findall(line)}
    assert len(found) > 10
    assert found - set(CATALOGUE) - OTHERS == set()


def test_a_kind_is_registered_once() -> None:
    with pytest.raises(TypeError, match=r"is a kind already: hub\.agents\.events\.OfferEnded"):
        type("Again", (EventData,), {"event": "offer.ended", "__module__": __name__})
    assert CATALOGUE["offer.ended"] is OfferEnded


def test_facts_are_those_that_were_given() -> None:
    at = datetime(2026, 11, 30, 1, 2, tzinfo=UTC)
    answered = EntryAnswered(entry_id=1, channel="chat", queued_at=at, wait_seconds=1.5, in_target=True)
    assert answered.facts() == {
        "entry_id": 1,
        "channel": "chat",
        "queued_at": "2026-11-30T01:02:00Z",
        "wait_seconds": 1.5,
        "in_target": True,
    }
    assert ConversationSnoozed(until=at).facts() == {"until": "2026-11-30T01:02:00Z"}


def test_facts_that_no_kind_has_are_refused() -> None:
    with pytest.raises(ValidationError):
        ConversationSnoozed.model_validate({"until": "2026-11-30T01:02:00Z", "why": "tired"})
