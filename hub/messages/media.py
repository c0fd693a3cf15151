"""Files that messages name: fetched after them, kept with them, deleted at the provider.

A row is claimed for two minutes at a time; whoever dies while holding it has only delayed it. Storing is conditional
on the row still waiting, so that a file fetched twice is kept once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from hub.channels import sniff
from hub.channels.accounts import Accounts
from hub.channels.extras import FetchedFile, FetchError, MediaSource
from hub.channels.model import Account, Connector
from hub.channels.reasons import Reason
from hub.core import events, log
from hub.core.db import execute, fetch_value
from hub.core.errors import HubError, Unavailable
from hub.core.service import Core
from hub.core.sql import Queries
from hub.core.texts import clean, clean_json
from hub.messages.events import InteractionUpdated

logger = log.get(__name__)
sql = Queries.beside(__file__, "media.sql")
AT_ONCE = 8
_GIVE_UP = 10  # tries, over about three hours (the pauses are in media.sql)
_ABSENT = 6  # tries of a file that is not there (yet), over about six minutes
_SECONDS = 60.0  # less than a claim lasts


@dataclass(frozen=True, slots=True)
class Due:
    """One file that is ours to fetch, or to delete at the provider once it is here."""

    id: int
    interaction_id: int
    conversation_id: int
    account_id: int
    position: int
    url: str
    content_type: str
    state: str
    attempts: int


class Keeper:
    """Fetches what is due."""

    def __init__(self, core: Core, accounts: Accounts, connectors: dict[str, Connector]):
        self._core = core
        self._accounts = accounts
        self._connectors = connectors

    async def drain(self) -> int:
        """Fetch and delete until nothing is due; how many were tried."""
        tried = 0
        while due := await self._core.db.all(Due, sql["claim"], {"limit": AT_ONCE}):
            await asyncio.gather(*(self._one(one) for one in due))
            tried += len(due)
        return tried

    async def _one(self, due: Due) -> None:
        account = await self._accounts.get(due.account_id)
        source = self._connectors.get(account.connector) if account else None
        try:
            if account is None or not isinstance(source, MediaSource):
                words = "The account is gone, or its connector fetches no files."
                raise FetchError(words, gone=True, code=Reason.MEDIA_UNUSABLE)
            async with asyncio.timeout(_SECONDS):
                await self._work(account, source, due)
        except Unavailable:
            raise  # the database's trouble, not the file's: the claim runs out and it is tried again
        except Exception as error:  # noqa: BLE001 - one odd file must not keep the others from being fetched
            why = _why(error)
            lost = _is_lost(error, due.attempts)
            logger.warning("media_not_fetched", media=due.id, error=why.detail, code=why.code, lost=lost)
            await self._put_off(due, why, lost=lost)

    async def _work(self, account: Account, source: MediaSource, due: Due) -> None:
        if due.state == "remote":
            await self._store(due, await source.fetch_media(account, due.url))
        await source.delete_media(account, due.url)
        await self._core.db.execute(sql["gone_there"], {"id": due.id})

    async def _store(self, due: Due, file: FetchedFile) -> None:
        kind = await asyncio.to_thread(sniff.content_type, file.body, due.content_type or file.content_type)
        kept = await self._core.files.keep(self._core.db, file.body)
        async with events.unit(self._core.db, self._core.feed) as unit:
            if await fetch_value(unit.conn, sql["hold"], {"id": due.id}) is None:
                return
            values = {
                "interaction_id": due.interaction_id, "name": sniff.file_name(kind, due.position + 1),
                "content_type": kind, **kept.values,
            }  # fmt: skip
            attachment_id = await fetch_value(unit.conn, sql["attach"], values)
            await execute(unit.conn, sql["stored"], {"id": due.id, "attachment_id": attachment_id})
            await self._log_change(unit, due)

    async def _put_off(self, due: Due, why: FetchError, *, lost: bool) -> None:
        values = {
            "id": due.id, "error": clean(why.detail)[:500], "code": why.code, "params": Jsonb(clean_json(why.params)),
            "lost": lost,
        }  # fmt: skip
        async with events.unit(self._core.db, self._core.feed) as unit:
            if due.state == "remote" and lost:
                if await execute(unit.conn, sql["lost"], values):
                    await self._log_change(unit, due)
            else:
                await execute(unit.conn, sql["later"], values)

    async def _log_change(self, unit: events.Unit, due: Due) -> None:
        said = InteractionUpdated(interaction_id=due.interaction_id, media=due.id)
        await unit.log(said, conversation_id=due.conversation_id)


def _is_lost(error: Exception, tries: int) -> bool:
    """Whether it is not worth another try."""
    if isinstance(error, FetchError) and (error.gone or (error.absent and tries >= _ABSENT)):
        return True
    return tries >= _GIVE_UP


def _why(error: Exception) -> FetchError:
    """What a person is told of it."""
    if isinstance(error, FetchError):
        return error
    if isinstance(error, TimeoutError):
        return FetchError("The provider did not answer in time.", code=Reason.MEDIA_UNANSWERED)
    name = error.detail if isinstance(error, HubError) else type(error).__name__
    words = error.detail if isinstance(error, HubError) else f"The file could not be fetched: {name}."
    return FetchError(words, code=Reason.MEDIA_FAILED, params={"reason": name})
