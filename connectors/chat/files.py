"""Files of a chat: a visitor's wait here until a message takes them; a message's are read by its visitor alone.

A visitor sends each file by itself, under an id of the widget's: the same again is the same file. A link to a file of a
message is made for one visitor's browser, for an hour; signing out ends it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from connectors.chat.settings import Settings
from connectors.chat.token import Visitor
from hub.channels import sniff
from hub.channels.model import Account, Attachment
from hub.core.clock import iso
from hub.core.db import Database
from hub.core.errors import ConfigError, Invalid, NotFound
from hub.core.secrets import Vault
from hub.core.sql import Queries
from hub.core.texts import clean

sql = Queries.beside(__file__, "files.sql")
MOST_FILES = 5  # with one message
MOST_WAITING = 10  # of one visitor, of files that no message has taken yet
LINK_LASTS = timedelta(hours=1)
KEPT = timedelta(hours=3)  # how long a file waits for its message
INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})  # what a browser shows and never runs
_TURNS = dict.fromkeys([*range(0x20), 0x7F, 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file as it is served."""

    name: str
    content_type: str
    body: bytes | None
    file_id: int | None


@dataclass(frozen=True, slots=True)
class _Waiting:
    client_id: str
    name: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class FileLinks:
    """Makes the links that one visitor's browser reads files by."""

    vault: Vault
    site: str
    visitor: Visitor

    def link(self, attachment_id: int) -> dict[str, str]:
        """{link, until}: the last part of the file's address, and when it ends."""
        until = int(time.time() + LINK_LASTS.total_seconds())
        facts = {"f": attachment_id, "v": self.visitor.id, "b": self.visitor.browser, "x": until}
        sealed = self.vault.encrypt(_place(self.site), orjson.dumps(facts))
        text = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
        return {"link": text, "until": iso(datetime.fromtimestamp(until, UTC))}


def read_link(vault: Vault, site: str, text: str) -> tuple[int, Visitor]:
    """The file and the visitor that a link names; `NotFound` when it is not ours, not this site's, or too old."""
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        facts = orjson.loads(vault.decrypt(_place(site), sealed))
    except (binascii.Error, ValueError, ConfigError):
        raise NotFound("There is no such file.") from None
    if facts["x"] < time.time():
        raise NotFound("The link to this file has expired.", remedy="Open it in the chat again.")
    return facts["f"], Visitor(facts["v"], browser=facts["b"])


def file_name(called: str) -> str:
    """What a sender calls a file, without folders and without signs that turn the direction of writing."""
    last = clean(called).replace("\\", "/").rpartition("/")[2].translate(_TURNS).strip()
    return last[-255:] or "file"


class Files:
    """What visitors have sent and not said yet, and what they may read."""

    def __init__(self, db: Database):
        self._db = db

    async def keep(self, account: Account, visitor: str, client_id: str, attachment: Attachment) -> None:
        """Keep a visitor's file until its message comes. `Invalid` when too many wait already."""
        kind = await asyncio.to_thread(sniff.content_type, attachment.body, attachment.content_type)
        values = {
            "account_id": account.id, "visitor": visitor, "client_id": client_id, "name": attachment.name,
            "content_type": kind, "body": attachment.body, "most": MOST_WAITING,
        }  # fmt: skip
        if not await self._db.execute(sql["keep"], values) and not await self._db.value(sql["kept"], values):
            raise Invalid(f"{MOST_WAITING} files wait to be sent already.", remedy="Send or remove some first.")

    async def remove(self, account: Account, visitor: str, client_id: str) -> None:
        """The visitor does not want to send it after all."""
        values = {"account_id": account.id, "visitor": visitor, "client_ids": [client_id]}
        await self._db.execute(sql["remove"], values)

    async def waiting(self, account: Account, visitor: str, client_ids: list[str]) -> tuple[Attachment, ...]:
        """The files of a message, in its order. `Invalid` when one is not there (any more)."""
        settings: Settings = account.settings
        if not client_ids:
            return ()
        if not settings.files:
            raise Invalid("Files cannot be sent in this chat.")
        if len(client_ids) > MOST_FILES:
            raise Invalid(f"At most {MOST_FILES} files go with one message.")
        values = {"account_id": account.id, "visitor": visitor, "client_ids": client_ids}
        found = {row.client_id: row for row in await self._db.all(_Waiting, sql["waiting"], values)}
        if any(one not in found for one in client_ids):
            raise Invalid("A file is not there any more.", remedy="Attach it again.")
        return tuple(Attachment(f.name, f.content_type, f.body) for f in (found[one] for one in client_ids))

    async def said(self, account: Account, visitor: str, client_ids: list[str]) -> None:
        """A message has taken these; they lie with it now."""
        if client_ids:
            values = {"account_id": account.id, "visitor": visitor, "client_ids": client_ids}
            await self._db.execute(sql["remove"], values)

    async def read(self, attachment_id: int, visitor: str) -> SentFile:
        """A file of a message in the visitor's own thread; `NotFound` for any other."""
        found = await self._db.one(SentFile, sql["read"], {"id": attachment_id, "visitor": visitor})
        if found is None:
            raise NotFound("There is no such file.")
        return found

    async def expire(self) -> None:
        """Forget what no message took."""
        await self._db.execute(sql["expire"], {"kept": KEPT})


def _place(site: str) -> str:
    return f"chat.file:{site}"
