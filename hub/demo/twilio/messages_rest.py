"""The stand-in's REST API of messages, their files, and content templates."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from aiohttp import web

from hub.demo.twilio.messages import API, ApiError, Media, Message
from hub.demo.twilio.messaging import Messaging
from hub.demo.twilio.paging import newer, paged
from hub.demo.twilio.request_guard import answer, missing

_UNDER_WAY = frozenset({"accepted", "queued", "sending", "scheduled"})


class MessagesRest:
    """Answers for one account's messages; who asks has been let in by the guard."""

    def __init__(self, messaging: Messaging):
        self._messaging = messaging

    def routes(self) -> list[web.RouteDef]:
        """Messages, Media and Content; and where the files really lie."""
        base = f"/{API}/Accounts/{{account}}/Messages"
        one = base + "/{sid}"
        return [
            web.post(base + ".json", self._create),
            web.get(base + ".json", self._list),
            web.get(one + ".json", self._fetch),
            web.post(one + ".json", self._update),
            web.delete(one + ".json", self._delete),
            web.get(one + "/Media.json", self._list_media),
            web.get(one + "/Media/{media}.json", self._fetch_media),
            web.delete(one + "/Media/{media}.json", self._delete_media),
            web.get(one + "/Media/{media}", self._redirect_to_media),
            web.get("/standin/media/{media}", self._media_body),
            web.get("/v1/Content", self._list_contents),
            web.get("/v1/Content/{content}", self._fetch_content),
            web.get("/v1/Content/{content}/ApprovalRequests", self._fetch_approval),
        ]

    # -- messages ----------------------------------------------------------------------------------------------------
    async def _create(self, request: web.Request) -> web.Response:
        posted = await request.post()
        many = {name: [str(v) for v in posted.getall(name)] for name in posted}
        return answer((await self._messaging.post(many)).as_json(), 201)

    async def _list(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        found = [m for m in reversed(list(self._messaging.messages.values())) if _matches(m, query)]
        return paged(request, "messages", [m.as_json() for m in found])

    async def _fetch(self, request: web.Request) -> web.Response:
        return answer(self._found(request).as_json())

    async def _update(self, request: web.Request) -> web.Response:
        """An empty body takes the words away for good; what is scheduled can be called off."""
        message, form = self._found(request), await request.post()
        if "Status" in form:
            if message.status != "scheduled":
                raise ApiError(409, 30409, "Message is not in a cancelable state.")
            message.move("canceled")
        elif form.get("Body"):
            raise ApiError(400, 20001, "Body can only be redacted: set it to an empty string.")
        elif message.status in _UNDER_WAY:
            raise ApiError(409, 20009, "Cannot redact this message: it is not complete.")
        else:
            message.body = ""
        return answer(message.as_json())

    async def _delete(self, request: web.Request) -> web.Response:
        message = self._found(request)
        if message.status in _UNDER_WAY:
            raise ApiError(409, 20009, "Cannot delete this message: it is not complete.")
        del self._messaging.messages[message.sid]
        return web.Response(status=204)

    def _found(self, request: web.Request) -> Message:
        message = self._messaging.messages.get(request.match_info["sid"])
        if message is None:
            raise missing(request)
        return message

    # -- files -------------------------------------------------------------------------------------------------------
    async def _list_media(self, request: web.Request) -> web.Response:
        message = self._found(request)
        return paged(request, "media_list", [one.as_json(message) for one in message.media])

    def _media(self, request: web.Request) -> tuple[Message, Media]:
        message = self._found(request)
        media = next((one for one in message.media if one.sid == request.match_info["media"]), None)
        if media is None:
            raise missing(request)
        return message, media

    async def _fetch_media(self, request: web.Request) -> web.Response:
        message, media = self._media(request)
        return answer(media.as_json(message))

    async def _delete_media(self, request: web.Request) -> web.Response:
        message, media = self._media(request)
        message.media.remove(media)
        self._messaging.deleted_media.append(media.sid)
        return web.Response(status=204)

    async def _redirect_to_media(self, request: web.Request) -> web.Response:
        """The storage is another host, as with Twilio, and must not be shown the credentials."""
        _, media = self._media(request)
        if self._messaging.wire.faults.take("no_media"):
            raise missing(request)
        elsewhere = self._messaging.base.replace("127.0.0.1", "localhost")
        return web.Response(status=307, headers={"Location": f"{elsewhere}/standin/media/{media.sid}"})

    async def _media_body(self, request: web.Request) -> web.Response:
        if "Authorization" in request.headers:
            raise ApiError(400, 20001, "Only one auth mechanism allowed")  # as the real storage answers
        wanted = request.match_info["media"]
        found = [one for m in self._messaging.messages.values() for one in m.media if one.sid == wanted]
        if not found:
            raise missing(request)
        # The page shows what strangers sent: a picture is one, anything else is only ever saved.
        shown = found[0].content_type.startswith(("image/png", "image/jpeg", "image/gif", "image/webp"))
        headers = {"X-Content-Type-Options": "nosniff", **({} if shown else {"Content-Disposition": "attachment"})}
        return web.Response(body=found[0].body, content_type=found[0].content_type, headers=headers)

    # -- templates ---------------------------------------------------------------------------------------------------
    async def _list_contents(self, request: web.Request) -> web.Response:
        own = self._messaging
        found = [content.as_json(own.account_sid) for content in own.contents.values()]
        return newer(request, "contents", found, own.base)

    async def _fetch_content(self, request: web.Request) -> web.Response:
        content = self._messaging.contents.get(request.match_info["content"])
        if content is None:
            raise missing(request)
        return answer(content.as_json(self._messaging.account_sid))

    async def _fetch_approval(self, request: web.Request) -> web.Response:
        content = self._messaging.contents.get(request.match_info["content"])
        if content is None:
            raise missing(request)
        approved = {
            "name": content.name, "category": "UTILITY", "content_type": "twilio/text", "status": "approved",
            "rejection_reason": "", "allow_category_change": True,
        }  # fmt: skip
        told: dict[str, Any] = {"sid": content.sid, "account_sid": self._messaging.account_sid, "whatsapp": approved}
        return answer(told | {"url": f"{self._messaging.base}{request.path}"})


def _matches(message: Message, query: Mapping[str, str]) -> bool:
    if query.get("To", message.to) != message.to or query.get("From", message.sender) != message.sender:
        return False
    moment = message.sent or message.created
    return all(_in_span(moment, name, query[name]) for name in ("DateSent", "DateSent<", "DateSent>") if name in query)


def _in_span(moment: datetime, name: str, said: str) -> bool:
    """A day, or a moment, and whether on it, until it or since it; what cannot be read excludes nothing."""
    with contextlib.suppress(ValueError):
        if len(said) == 10:
            of, wanted = moment.date(), date.fromisoformat(said)
        else:
            of, wanted = moment, datetime.fromisoformat(said).astimezone(UTC)
        return of <= wanted if name.endswith("<") else of >= wanted if name.endswith(">") else of == wanted  # type: ignore[operator] - both are days, or both moments
    return True
