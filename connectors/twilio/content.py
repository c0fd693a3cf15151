# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The Twilio SDK ships no types.
"""Content templates: what may be said on WhatsApp outside the reply window, from the Content API and the settings."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
from twilio.base.exceptions import TwilioException

from connectors.twilio.rest import Rest, ThrottledError
from connectors.twilio.settings import Settings
from hub.channels.extras import MessageTemplate
from hub.core import log
from hub.core.errors import Unavailable

logger = log.get(__name__)
FRESH = 300.0  # seconds a list may be old
_MOST = 500


class Contents:
    """The templates of each Twilio account, kept for a few minutes; an old list is better than none."""

    def __init__(self, rest: Rest):
        self._rest = rest
        self._kept: dict[str, tuple[float, list[MessageTemplate]]] = {}

    async def of(self, settings: Settings) -> list[MessageTemplate]:
        """Those of the settings first, then those of the account; `Unavailable` when there is nothing to show."""
        own = [MessageTemplate(t.sid, t.name, t.language, t.body, t.variables) for t in settings.templates]
        named = {t.id for t in own}
        try:
            listed = await self._listed(settings)
        except Unavailable:
            if not own:
                raise
            listed = []
        return own + [t for t in listed if t.id not in named]

    async def _listed(self, settings: Settings) -> list[MessageTemplate]:
        key = f"{settings.account_sid}@{settings.api_base}"
        at, kept = self._kept.get(key, (float("-inf"), []))
        if time.monotonic() - at < FRESH:
            return kept
        try:
            async with asyncio.timeout(settings.timeout_seconds):
                found = await self._rest.client(settings).content.v1.contents.list_async(limit=_MOST)
        except (TwilioException, ThrottledError, aiohttp.ClientError, TimeoutError) as error:
            if kept:
                return kept
            logger.warning("templates_not_listed", error=str(error))
            raise Unavailable("Twilio does not list the templates.", remedy="Try again shortly.") from error
        templates = [t for content in found if (t := _template(content)) is not None]
        self._kept[key] = (time.monotonic(), templates)
        return templates


def _template(content: Any) -> MessageTemplate | None:
    types: dict[str, Any] = content.types or {}
    body = next((str(one["body"]) for one in types.values() if isinstance(one, dict) and one.get("body")), "")
    if not body:
        return None
    variables = {str(k): str(v) for k, v in (content.variables or {}).items()}
    return MessageTemplate(str(content.sid), str(content.friendly_name), str(content.language), body, variables)
