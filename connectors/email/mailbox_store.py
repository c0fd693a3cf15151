"""From the mailbox into the record: reading messages whole, storing them, and noting which they were."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from connectors.email.accept import receive
from connectors.email.imap import Mailbox
from connectors.email.imap_errors import Refused
from connectors.email.imap_grammar import Found, uid_set
from connectors.email.parse import MAX_BYTES, RAW_TYPE, Envelope, dedup_key
from hub.channels.model import Accept, Account
from hub.core.service import Core
from hub.core.sql import Queries

sql = Queries.beside(__file__)
_TOGETHER = 4 * 1024 * 1024  # bytes fetched in one command
_HASHED = 32 * 1024  # bytes hashed without leaving the loop, in 15 ms at worst
_BEGINNING = 1024 * 1024  # bytes kept of a message that is not kept whole
_WHOLE, _ESTIMATED = 0.9, 0.5  # of the size that a server names


class Keeper:
    """Stores messages of one folder and notes which they were."""

    def __init__(self, core: Core, accept: Accept, account: Account, folder: str):
        self._core = core
        self._accept = accept
        self._account = account
        self._folder = folder

    async def keep(self, uidvalidity: int, contents: Mapping[int, bytes]) -> None:
        """Store messages by UID; returns after the commit. What is here already is only noted, and not read again."""
        keys = {uid: await _key(content) for uid, content in contents.items()}
        ends = {"account_id": self._account.id, "keys": list(keys.values())}
        known = {row["dedup_key"] for row in await self._core.db.dicts(sql["known_keys"], ends)}
        await asyncio.gather(*(self._one(content) for uid, content in contents.items() if keys[uid] not in known))
        values = {**ends, "folder": self._folder, "uidvalidity": uidvalidity, "uids": list(keys)}
        await self._core.db.execute(sql["note_messages"], values)

    async def set_aside(self, uidvalidity: int, one: Found, why: str, *, came: bytes) -> None:
        """Keep the name of a message that the server does not hand out, the reason, and what came of it."""
        size = f", {one.size} bytes" if one.size else ""
        received = f", received {one.received:%Y-%m-%d %H:%M}" if one.received else ""
        await self._accept.quarantine(
            connector="email",
            account_id=self._account.id,
            dedup_key=f"imap:{self._folder}:{uidvalidity}:{one.uid}",
            raw=came[:_BEGINNING],
            raw_type=RAW_TYPE,
            reason=f"The mail server does not hand out message UID {one.uid} of {self._folder}{received}{size}: {why}",
            meta={
                "incomplete": True,
                "imap": {"folder": self._folder, "uidvalidity": uidvalidity, "uid": one.uid, "size": one.size},
            },
        )

    async def _one(self, content: bytes) -> None:
        if not fits(content):
            await self._accept.quarantine(
                connector="email",
                account_id=self._account.id,
                dedup_key=await _key(content),
                raw=content[:_BEGINNING],
                raw_type=RAW_TYPE,
                reason=f"It is larger than {MAX_BYTES // 1024 // 1024} MB; only its beginning is kept here.",
                meta={"incomplete": True},
            )
            return
        await receive(self._accept, self._core.vault, self._account, content, Envelope())


async def _key(content: bytes) -> str:
    """The content's key; hashing a large one is not for the loop that everything else runs in."""
    return dedup_key(content) if len(content) <= _HASHED else await asyncio.to_thread(dedup_key, content)


def fits(content: bytes) -> bool:
    """Whether a message is kept whole; of a larger one only the beginning is."""
    return len(content) <= MAX_BYTES


async def read(box: Mailbox, group: Sequence[Found]) -> dict[int, bytes]:
    """The messages of one group (see `groups`) by UID, without those gone meanwhile.

    A large one, or one of unknown size, comes in pieces. `Refused` names what is wrong when one that is there was not
    handed out, or not all of it; as any error it has those that came (`came`).
    """
    if len(group) == 1 and (not group[0].size or group[0].size > _TOGETHER // 4):
        came = {group[0].uid: await box.read_pieces(group[0].uid, MAX_BYTES + 1)}
    else:
        came = await box.read([one.uid for one in group])
    whole = {one.uid: came[one.uid] for one in group if one.uid in came and _is_some(came[one.uid], one.size)}
    short = [one for one in group if one.uid not in whole]
    there = set(await box.search("UID", uid_set([one.uid for one in short]))) if short else set[int]()
    lacking = next((one for one in short if one.uid in there), None)
    if lacking is not None:
        words = f"it sent {len(came.get(lacking.uid, b''))} of {lacking.size or 'all its'} bytes"
        raise Refused(words, whole if len(group) > 1 else came)
    return whole


def is_whole(content: bytes, size: int) -> bool:
    """Whether a message is kept as it lies on the server, so that it may be deleted there."""
    return fits(content) and _length(content) >= size * _WHOLE


def _is_some(content: bytes, size: int) -> bool:
    """Whether it is the message: some servers only estimate how large it is, but not by so much."""
    return bool(content) and (not fits(content) or _length(content) >= size * _ESTIMATED)


def _length(content: bytes) -> int:
    """As a server counts it, each line with its CR."""
    return len(content) + content.count(b"\n") - content.count(b"\r\n")


def wanted(found: Sequence[Found], since: datetime | None) -> list[Found]:
    """Without what was there before the mailbox was first looked at."""
    return [f for f in found if since is None or f.received is None or f.received >= since - timedelta(minutes=1)]


def groups(found: Sequence[Found]) -> list[list[Found]]:
    """Messages that are fetched in one command: a few megabytes together, large ones alone."""
    made: list[list[Found]] = []
    room = 0
    for one in found:
        if one.size > _TOGETHER // 4 or one.size > room or not made or len(made[-1]) >= 25:
            made.append([])
            room = _TOGETHER if one.size <= _TOGETHER // 4 else 0
        made[-1].append(one)
        room -= one.size
    return made
