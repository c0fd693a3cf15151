"""What everybody at a desk is told of the installation."""

from __future__ import annotations

from hub.backup import freeze
from tests.support.app import App


async def test_frozen_sending_is_told_to_everybody_and_on_the_health_page_and_counted(app: App) -> None:
    amy = await app.agent("amy")
    assert await amy.get("/notices") == {"items": []}
    await freeze.freeze(app.core, "Restored from the backup of 2026-11-28T12:00:00Z.", restored=True)
    [notice] = (await amy.get("/notices"))["items"]
    assert notice["code"] == "sending.frozen"
    assert notice["params"]["reason"] == "Restored from the backup of 2026-11-28T12:00:00Z."
    assert notice["text"].startswith("Sending is frozen since ")
    answer = await (await app.client.get("/health/ready")).json()
    assert answer["status"] == "degraded"
    assert "sending.frozen" in {problem["code"] for problem in answer["problems"]}
    metrics = await (await app.client.get("/metrics")).text()
    assert "hub_sending_frozen 1.0" in metrics
    assert (await app.client.get("/api/v1/notices")).status == 401
