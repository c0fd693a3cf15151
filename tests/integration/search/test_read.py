"""A search reads what has its words, out of the index of words, and as much of that as makes a block."""

from __future__ import annotations

from typing import Any

import pytest

from hub.core.service import Core
from hub.demo.history import fill
from hub.search.index import index_next, index_people
from tests.support.app import open_app
from tests.support.desk_calls import asks
from tests.support.plans import Watched, explain_everything

_CONVERSATIONS, _INTERACTIONS = 2_500, 10_000
_FEW = 1_500
_FREQUENT = 8_500  # a word in every tenth message, of all years: there are too few here for a block of recent months


@pytest.mark.breaks_rules  # nothing is done here but reading; the check would be explained, too
@pytest.mark.slow
async def test_a_search_reads_what_has_its_words(core: Core, aiohttp_client: Any) -> None:
    app = await open_app(core, aiohttp_client)
    await fill(core.db, conversations=_CONVERSATIONS, interactions=_INTERACTIONS, report=lambda _: None)
    while await index_next(core.db, 2_000) or await index_people(core.db, 2_000):
        pass
    await core.db.execute("analyze search_doc, search_contact")
    explain_everything(core.db.url)
    db = Watched(core.db.url)
    await db.open()
    app = await open_app(Core(db, core.feed, core.vault, core.public_url), aiohttp_client)
    too_much: list[str] = []
    for ask in [ask for ask in await asks(db) if ask.name.startswith("search")]:
        most = _FREQUENT if any(one in ask.name for one in ("word", "first name", "Chinese")) else _FEW
        for role in ask.roles:
            agent = await app.agent(role)
            for _ in range(2):
                db.take()
                await agent.get(ask.path)
            ran = db.take()
            count = sum(statement.read for statement in ran)
            scans = [s.text[:80] for s in ran if "Seq Scan search" in s.shape or "Seq Scan interaction" in s.shape]
            if count > most or scans:
                worst = max(ran, key=lambda statement: statement.read)
                too_much.append(f"{ask.name} as {role}: {count:,}: {worst.shape}: {worst.text[:60]} {scans}")
    await db.close()
    assert not too_much, "\n".join(too_much)
