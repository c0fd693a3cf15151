"""One owner per noun: who may write a conversation's row, and who may insert an interaction."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PRODUCT = ("hub", "connectors", "routing", "workers")
OF_CONVERSATIONS = re.compile(r"\b(?:insert\s+into|update|delete\s+from)\s+conversation\b(?!_)", re.IGNORECASE)
OF_INTERACTIONS = re.compile(r"\binsert\s+into\s+interaction\b(?!_)", re.IGNORECASE)
FUNCTIONS = "hub/migrations/functions"
CONVERSATIONS = {
    "hub/conversations/conversation.sql": "the owner",
    "hub/core/events.sql": "the log takes the next number of a topic, and the row's lock with it, in one statement",
    f"{FUNCTIONS}/intake_conversation.sql": "the steps of `intake` take in a whole batch",
    f"{FUNCTIONS}/intake_work.sql": "the steps of `intake` take in a whole batch",
    f"{FUNCTIONS}/outbox.sql": "one function records a whole batch of results and takes the numbers of their events",
    f"{FUNCTIONS}/views.sql": "`say_files` lets files stand for a message without words, as intake and replies ask",
}
INTERACTIONS = {
    "hub/messages/interactions.sql": "the owner",
    f"{FUNCTIONS}/intake.sql": "`intake` takes in a whole batch",
}


def sources() -> Iterator[Path]:
    for top in PRODUCT:
        for file in (ROOT / top).rglob("*"):
            apart = {"node_modules", "_ui", "ui", "retired"} & set(file.parts)
            if file.suffix in {".sql", ".py"} and not apart and not re.match(r"\d{4}_", file.name):
                yield file


def writers(statement: re.Pattern[str]) -> set[str]:
    return {str(f.relative_to(ROOT)) for f in sources() if statement.search(f.read_text(encoding="utf-8"))}


@pytest.mark.parametrize(
    ("statement", "owners"), [(OF_CONVERSATIONS, CONVERSATIONS), (OF_INTERACTIONS, INTERACTIONS)], ids=["row", "lines"]
)
def test_a_noun_is_written_by_its_owner_and_by_who_is_named(statement: re.Pattern[str], owners: dict[str, str]) -> None:
    found = writers(statement)
    assert found - set(owners) == set(), "Call the owner, or say here why this cannot."
    assert set(owners) - found == set(), "It writes it no more: take it off the list."


@pytest.mark.parametrize(
    "text", ["update conversation set x = 1", "insert into\n conversation (id)", "UPDATE  conversation v set"]
)
def test_a_statement_of_conversations_is_recognised(text: str) -> None:
    assert OF_CONVERSATIONS.search(text)


@pytest.mark.parametrize(
    "text", ["insert into conversation_tag", "for no key update of conversation", "update conversational"]
)
def test_a_statement_of_another_table_is_none(text: str) -> None:
    assert not OF_CONVERSATIONS.search(text)
