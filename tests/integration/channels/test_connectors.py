"""`GET /connectors`: what the channels installed here can do, and what their settings are."""

from __future__ import annotations

from typing import Any

from tests.support.app import App


async def test_connectors_say_what_their_channels_can_do_and_which_settings_they_take(app: App) -> None:
    admin = await app.agent("admin")
    found = {one["name"]: one for one in (await admin.get("/connectors"))["items"]}
    assert {"email", "twilio", "chat", "httpsms"} <= set(found)
    assert list(found) == sorted(found)
    assert found["httpsms"]["channels"]["sms"]["attachments"] is False
    assert found["twilio"]["channels"]["sms"]["attachments"] is True
    assert found["twilio"]["channels"]["whatsapp"]["window_seconds"] == 24 * 3600
    assert found["email"]["channels"]["email"]["form"] == "letter"
    settings = found["twilio"]["settings"]
    assert settings["properties"]["auth_token"]["writeOnly"] is True
    assert "account_sid" in settings["required"]


async def test_settings_that_are_stored_fit_the_schema_that_is_served(app: App) -> None:
    admin = await app.agent("admin")
    items = (await admin.get("/connectors"))["items"]
    schemas: dict[str, dict[str, Any]] = {one["name"]: one["settings"] for one in items}
    rows = await app.core.db.dicts("select connector, settings from account")
    assert len({row["connector"] for row in rows}) >= 3
    for row in rows:
        assert set(row["settings"]) <= set(schemas[row["connector"]]["properties"]), row["connector"]


async def test_whoever_may_not_read_channels_reads_no_connectors(app: App) -> None:
    agent = await app.agent("amy")
    await agent.get("/connectors", status=403)


async def test_desk_is_told_what_each_channel_can_do(app: App) -> None:
    agent = await app.agent("amy")
    channels = (await agent.get("/me"))["channels"]
    assert list(channels)[:5] == ["email", "chat", "sms", "whatsapp", "voice"]
    assert channels["voice"]["form"] == "call"
    assert [name for name, can in channels.items() if can["reaches"]][:3] == ["email", "sms", "whatsapp"]
