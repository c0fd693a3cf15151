"""Turns events into what screens show: ids become views, read in batches and kept for the other listeners."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from hub.conversations import offers, views
from hub.core.db import Database

_KEPT = 2000


class Renderer:
    """Renders each event once per process, however many screens and topics it is for."""

    def __init__(self, db: Database):
        self._db = db
        self._views: OrderedDict[int, dict[str, Any]] = OrderedDict()

    async def prepare(self, messages: list[dict[str, Any]]) -> None:
        """Read what these messages need, in as few queries as there are kinds of things."""
        unknown = {m["id"]: m for m in messages if m["id"] not in self._views}
        for number, message in unknown.items():
            if "view" in message:  # intake sends the message along
                self._keep(number, message["view"])
        needed = [m for number, m in unknown.items() if number not in self._views]
        if not needed:
            return
        said = {m["id"]: m["data"].get("interaction_id") for m in needed if m["type"].startswith("interaction.")}
        about = {m["id"]: m["conversation_id"] for m in needed if _about_conversation(m["type"])}
        interactions = await views.interactions(self._db, {i for i in said.values() if i}) if said else {}
        summaries = await views.summaries(self._db, {i for i in about.values() if i}) if about else {}
        for m in needed:
            self._keep(m["id"], await self._view(m, interactions, summaries))

    def frame(self, topic: str, message: dict[str, Any]) -> dict[str, Any]:
        """A prepared message as the client reads it."""
        kind = message["type"]
        if topic.startswith("c:") and _about_conversation(kind):
            kind = "conversation.updated"
        return {
            "t": "ev",
            "topic": topic,
            "seq": message["seq"],
            "type": kind,
            "data": self._views.get(message["id"], message["data"]),
        }

    async def _view(self, m: dict[str, Any], interactions: dict[int, Any], summaries: dict[int, Any]) -> dict[str, Any]:
        kind, data = m["type"], m["data"]
        if kind.startswith("interaction."):
            shown = interactions.get(data.get("interaction_id"))
            return {"interaction": shown} if shown else data
        if kind == "offer.created":
            return {"offer": await offers.offer(self._db, data["offer_id"])}
        if kind == "conversation.unassigned":
            return {"conversation_id": m["conversation_id"], **data}
        if _about_conversation(kind):
            shown = summaries.get(m["conversation_id"])
            return {"conversation": shown} if shown else data
        return data

    def _keep(self, number: int, view: dict[str, Any]) -> None:
        self._views[number] = view
        while len(self._views) > _KEPT:
            self._views.popitem(last=False)


def _about_conversation(kind: str) -> bool:
    return kind.startswith("conversation.") and kind != "conversation.unassigned"
