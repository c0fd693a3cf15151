"""A secret key that is not the database's own is said, not only met."""

from __future__ import annotations

from typing import Any

import pytest

from hub.channels.registry import load_connectors
from hub.core import keycheck, problems
from hub.core.secrets import Vault
from hub.core.service import Core
from hub.provisioning.apply import apply
from hub.provisioning.model import read
from tests.integration.cli.test_cli import KEY, Line, clean, line
from tests.support.app import CENTER, VARIABLES, App

__all__ = ["clean", "line"]
OTHER = Vault(b"another-key-" * 8)


async def test_a_new_database_takes_the_key_it_is_first_served_with(core: Core) -> None:
    assert await keycheck.fits(core.db, core.vault) is None
    await keycheck.note(core.db, core.vault)
    assert await keycheck.fits(core.db, core.vault) is True
    assert await keycheck.fits(core.db, OTHER) is False
    await keycheck.note(core.db, OTHER)
    assert await keycheck.fits(core.db, core.vault) is True


async def test_a_database_of_before_knows_its_key_by_the_secrets_of_its_accounts(core: Core) -> None:
    await apply(core.db, core.vault, load_connectors(core), read(CENTER, VARIABLES))
    assert await keycheck.fits(core.db, core.vault) is True
    assert await keycheck.fits(core.db, OTHER) is False
    await keycheck.note(core.db, OTHER)  # a wrong key is never written down as the right one
    assert await keycheck.fits(core.db, OTHER) is False
    await keycheck.note(core.db, core.vault)
    assert await keycheck.fits(core.db, core.vault) is True


async def test_a_wrong_key_is_on_the_health_page(app: App) -> None:
    await keycheck.note(app.core.db, OTHER)
    await keycheck.note(app.core.db, app.core.vault)
    assert await problems.key(app.core.db, app.core.vault) == []
    await app.core.db.execute("delete from meta where key = 'key_check'")
    await app.core.db.execute("update account set secrets = null")
    await keycheck.note(app.core.db, OTHER)
    answer = await (await app.client.get("/health/ready")).json()
    assert answer["status"] == "degraded"
    assert {"code": "key.wrong", "params": {}} in answer["problems"]


def test_the_doctor_says_which_key_is_wrong_and_what_to_do(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.run("apply", CENTER)
    assert "ok   Secret key: reads what is encrypted" in line.run("doctor", code=1)
    monkeypatch.setenv("HUB_SECRET_KEY", KEY[::-1])
    said: Any = line.run("doctor", code=1)
    assert "FAIL Secret key: is not the one this database was written with" in said
    assert "Restore the data folder's secret.key (or HUB_SECRET_KEY) of then" in said
