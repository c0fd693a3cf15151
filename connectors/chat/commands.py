"""What a visitor can ask for: write, rate, end. Each command is idempotent by its id and answered with an ack."""

from __future__ import annotations

import re
from typing import Any, cast

import orjson

from connectors.chat.connection import Line
from connectors.chat.files import Files
from connectors.chat.limits import Limits
from connectors.chat.live import Live
from connectors.chat.token import Visitor
from connectors.chat.transcript import Frame, Record
from hub.channels.model import Accept, Account, AddressKind, Attachment, Inbound
from hub.core import log
from hub.core.errors import Conflict, HubError, Invalid, TooMany, Unavailable
from hub.core.texts import clean

logger = log.get(__name__)
RAW_TYPE = "application/json"
ID = re.compile(r"^[0-9A-Za-z-]{8,64}$")


def files_of(frame: Frame) -> list[str]:
    """The ids of the files that a `message` command names."""
    data = frame.get("data")
    named: Any = cast("dict[str, Any]", data).get("files") if isinstance(data, dict) else None
    if named is None:
        return []
    if not isinstance(named, list) or not all(
        isinstance(one, str) and ID.match(one) for one in cast("list[Any]", named)
    ):
        raise Invalid("The files are not named by their ids.")
    return list(dict.fromkeys(cast("list[str]", named)))


def to_inbound(account: Account, visitor: Visitor, raw: bytes, files: tuple[Attachment, ...] = ()) -> Inbound:
    """A `message` command with its files as the hub's words. `Invalid` says what is wrong with it."""
    try:
        frame: Any = orjson.loads(raw)
        client_id, text = frame["id"], frame["data"].get("text", "")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise Invalid("The frame is not a message command.") from None
    limit: int = account.settings.max_text
    if not isinstance(client_id, str) or not ID.match(client_id):
        raise Invalid("The message has no usable id.")
    if not isinstance(text, str) or (not text.replace("\x00", "").strip() and not files_of(frame)):
        raise Invalid("The message has no text.")
    if len(text) > limit:
        raise Invalid(
            f"The message is longer than {limit:,} characters: {len(text):,}. Shorten it or send it in parts."
        )
    meta = {
        "visitor": visitor.id,
        "name": visitor.name,
        "email": visitor.email,
        "locale": visitor.locale,
        "subject": visitor.subject,
    }
    return Inbound(
        account_id=account.id,
        dedup_key=f"{visitor.id}:{client_id}",
        raw=raw,
        raw_type=RAW_TYPE,
        address_kind=AddressKind.VISITOR,
        address=visitor.id,
        name=visitor.name,
        text=text.replace("\x00", ""),
        external_id=client_id,
        verified=bool(visitor.subject),
        locale=visitor.locale,
        attachments=files,
        meta={key: value for key, value in meta.items() if value},
    )


class Commands:
    """Runs the commands of one line."""

    def __init__(self, accept: Accept, record: Record, files: Files, account: Account, limits: Limits):
        self._accept = accept
        self._record = record
        self._files = files
        self._account = account
        self._limits = limits

    async def run(self, frame: Frame, text: str, line: Line, live: Live) -> Frame:
        """Do it; the ack, with the stored event or the reason why not."""
        command = frame.get("id")
        if not isinstance(command, str) or not ID.match(command):
            return {"t": "ack", "id": str(command), "err": _error(Invalid("The id is not usable."))}
        try:
            return {"t": "ack", "id": command, "ev": await self._do(frame, text, line, live)}
        except HubError as error:
            return {"t": "ack", "id": command, "err": _error(error)}

    async def _do(self, frame: Frame, text: str, line: Line, live: Live) -> Frame:
        given = frame.get("data")
        data = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
        match frame.get("type"):
            case "message":
                return await self._message(frame, text, line, live)
            case "rating":
                return await self._rating(data, line, live)
            case "end":
                return await self._end(line, live)
            case _:
                raise Invalid("The command is not known.")

    async def _message(self, frame: Frame, text: str, line: Line, live: Live) -> Frame:
        self._limits.message(self._account, line)
        named = files_of(frame)
        files = await self._named(frame["id"], named, line, live)
        inbound = to_inbound(self._account, line.visitor, text.encode(), files)
        accepted = await self._accept.message(inbound)
        if not accepted.raw_id:
            raise Invalid("The message could not be stored as it is.")
        await self._files.said(self._account, line.visitor.id, named)
        # The event itself goes first, so that the ack never runs ahead of what lies before it.
        await live.catch_up()
        stored = await self._stored(line, frame["id"])
        if stored is None:
            raise Unavailable("The message is kept and will show in a moment.")
        if stored["data"]["text"].split() != clean(inbound.text).split():
            raise Conflict("This id was used for another message.")
        return stored

    async def _named(self, client_id: str, named: list[str], line: Line, live: Live) -> tuple[Attachment, ...]:
        """The files of a message; none when they are with it already, because it was stored before."""
        try:
            return await self._files.waiting(self._account, line.visitor.id, named)
        except Invalid:
            await live.catch_up()
            if await self._stored(line, client_id) is None:
                raise
            return ()

    async def _stored(self, line: Line, client_id: str) -> Frame | None:
        if line.address_id is None:
            return None
        return await self._record.message(line.address_id, client_id, line.links)

    async def _rating(self, data: dict[str, Any], line: Line, live: Live) -> Frame:
        conversation, score, comment = line.status.get("conversation"), data.get("score"), data.get("comment")
        if not isinstance(score, int) or not 1 <= score <= 5:
            raise Invalid("A rating is a whole number from 1 to 5.")
        if conversation is None:
            raise Invalid("There is nothing to rate yet.")
        words = clean(comment).strip() if isinstance(comment, str) else ""
        await self._record.rate(conversation, score, words)
        await live.catch_up()
        return _done(line, "rating", {"score": score, "comment": words})

    async def _end(self, line: Line, live: Live) -> Frame:
        if line.address_id is not None:
            await self._record.end(line.address_id)
            await live.catch_up()
        return _done(line, "end", {})


def _done(line: Line, kind: str, data: dict[str, Any]) -> Frame:
    """What has no place of its own in the sequence stands at the cursor."""
    return {"t": "ev", "topic": "chat", "seq": line.cursor, "type": kind, "data": data}


def _error(error: HubError) -> dict[str, object]:
    wait = {"retry_after": error.retry_after} if isinstance(error, TooMany) else {}
    return {"code": error.status, "detail": error.detail, **wait}
