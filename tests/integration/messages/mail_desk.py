"""What an agent does with mail at the desk, by the API."""

from __future__ import annotations

from typing import Any

from aiohttp import FormData

from hub.core.clock import now
from tests.support.app import Agent, App

CUSTOMER = "ana@customer.example"


async def payload(app: App) -> dict[str, Any]:
    return await app.core.db.value("select payload from outbound order by id desc limit 1")


async def conversation(agent: Agent, number: int) -> dict[str, Any]:
    return await agent.get(f"/conversations/{number}")


async def answer(agent: Agent, number: int, **more: Any) -> dict[str, Any]:
    body = {"client_id": f"c{now().timestamp()}".replace(".", "-"), "text": "We are on it.", **more}
    return await agent.post(f"/conversations/{number}/replies", body)


async def composing(agent: Agent, number: int) -> dict[str, Any]:
    return await agent.get(f"/conversations/{number}/composing")


async def taken_back(agent: Agent, written: dict[str, Any], **more: Any) -> Any:
    path = f"/conversations/{written['conversation_id']}/interactions/{written['id']}/cancel"
    return await agent.post(path, **more)


async def upload(agent: Agent, name: str, body: bytes, kind: str = "image/png") -> int:
    form = FormData()
    form.add_field("file", body, filename=name, content_type=kind)
    async with agent.app.client.post("/api/v1/uploads", data=form, headers=agent.headers) as response:
        return (await response.json())["id"]
