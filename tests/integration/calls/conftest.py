"""Stages whose provider is unruly, and what it really knew."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.demo.twilio.wire import Wire
from tests.integration.calls.stage import Stage, stage
from tests.integration.calls.webhook_delivery import MANNERS, Open, Truth, unruly


@pytest.fixture(params=MANNERS)
def open_stage(request: pytest.FixtureRequest, db: Database, feed: Feed, vault: Vault) -> Open:
    """A stage in each of the behaviors, or in the one that a test names."""

    def opened(**more: Any) -> AbstractAsyncContextManager[Stage]:
        return unruly(stage(db, feed, vault, **more), request.param)

    return opened


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> Truth:
    """What the provider had to tell, before it came twice or late."""
    found, tell = Truth(), Wire.tell

    def heard(self: Wire, url: str | None, form: dict[str, str]) -> None:
        if url:
            found.told.append(form)
        tell(self, url, form)

    monkeypatch.setattr(Wire, "tell", heard)
    return found
