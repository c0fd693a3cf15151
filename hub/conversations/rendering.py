"""Turns events into what screens show: ids become views, read in batches and kept for the other listeners."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from hub.core.db import Database
from hub.messages import views
from hub.queues import offers

_KEPT = 2000
_Key = tuple[int, str]  # an event and how it is told: a customer's message says one thing to c: and another to u:


class Renderer:
    """Renders each event once per process, however many screens and topics it is for."""

    def __init__(self, db: Database):
        self._db = db
        self._views: OrderedDict[_Key, dict[str, Any]] = OrderedDict()

    async def prepare(self, messages: list[dict[str, Any]]) -> None:
        """Read what these messages need, in as few queries as there are kinds of things."""
        unknown = {_key(m): m for m in messages if _key(m) not in self._views}
        for key, message in unknown.items():
            if "view" in message:  # intake sends the message along
                self._cache(key, message["view"])
        needed = [m for key, m in unknown.items() if key not in self._views]
        if not needed:
            return
        said = {m["id"]: m["data"].get("interaction_id") for m in needed if m["type"].startswith("interaction.")}
        about = {m["id"]: m["conversation_id"] for m in needed if _about_conversation(m["type"])}
        interactions = await views.interactions(self._db, {i for i in said.values() if i}) if said else {}
        summaries = await views.summaries(self._db, {i for i in about.values() if i}) if about else {}
        offered = [m["data"]["offer_id"] for m in needed if m["type"] == "offer.created"]
        found = await offers.offers(self._db, offered) if offered else {}
        for m in needed:
            self._cache(_key(m), self._view(m, interactions, summaries, found))

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
            "data": self._views.get(_key(message), message["data"]),
        }

    def _view(
        self, m: dict[str, Any], interactions: dict[int, Any], summaries: dict[int, Any], found: dict[int, Any]
    ) -> dict[str, Any]:
        kind, data = m["type"], m["data"]
        if kind.startswith("interaction."):
            shown = interactions.get(data.get("interaction_id"))
            return {"interaction": shown} if shown else data
        if kind == "offer.created":
            return {"offer": found.get(data["offer_id"])}
        if kind == "conversation.unassigned":
            return {"conversation_id": m["conversation_id"], **data}
        if _about_conversation(kind):
            shown = summaries.get(m["conversation_id"])
            return {"conversation": shown} if shown else data
        return data

    def _cache(self, key: _Key, view: dict[str, Any]) -> None:
        self._views[key] = view
        while len(self._views) > _KEPT:
            self._views.popitem(last=False)


def _about_conversation(kind: str) -> bool:
    return kind.startswith("conversation.") and kind != "conversation.unassigned"


def _key(message: dict[str, Any]) -> _Key:
    return message["id"], message["type"]
