"""docs/develop/data-model.md says what the database is."""

from __future__ import annotations

import re

from tools import data_model


def test_page_of_the_data_model_is_what_the_migrations_make(database_url: str) -> None:
    found = data_model.model(database_url)
    assert len(found.tables) > 30
    assert data_model.PAGE.read_text(encoding="utf-8") == data_model.page(found), (
        "The tables have changed: write docs/develop/data-model.md anew with `make api`, and commit it."
    )


def test_picture_joins_only_tables_that_exist(database_url: str) -> None:
    found = data_model.model(database_url)
    joined = re.findall(r"^    (\w+) \|\|(?:--|\.\.)o\{ (\w+) :", data_model.page(found), re.MULTILINE)
    assert joined
    assert {name for pair in joined for name in pair} <= set(found.tables)
    assert ("conversation", "interaction") in joined
