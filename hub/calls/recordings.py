"""Recordings and voicemails: fetched, kept here under our own rules, deleted at the provider."""

from __future__ import annotations

from dataclasses import dataclass

from hub.calls.events import CallRecorded, RecordingHeard
from hub.calls.model import Call
from hub.channels.accounts import Accounts
from hub.channels.calls import CallError, CallEvent, CallEventKind, CallOutcome, call_control
from hub.channels.model import Account, Connector
from hub.core import events, log
from hub.core.db import Database, execute, fetch_dicts, fetch_one, fetch_value
from hub.core.errors import NotFound, Unavailable
from hub.core.events import Unit
from hub.core.files import Opened
from hub.core.identifiers import identifier
from hub.core.retry import Bad, describe, ignore
from hub.core.service import Core
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__, "recordings.sql")
MOST_BYTES = 200 * 1024 * 1024
_GIVE_UP = 12  # attempts, over about a day


@dataclass(frozen=True, slots=True)
class Due:
    """A recording to be fetched, or deleted at the provider once it is here."""

    id: int
    external_id: str
    state: str
    account_id: int
    call_id: int
    conversation_id: int
    attempts: int


async def receive(unit: Unit, call_id: int, event: CallEvent) -> None:
    """A recording was reported, or what was said in it; either may come first."""
    sid = identifier(str(event.data.get("recording") or ""))
    if not sid:
        return
    voicemail = bool(event.data.get("voicemail"))
    values = {
        "call_id": call_id, "external_id": sid, "kind": "voicemail" if voicemail else "call",
        "seconds": int(event.data.get("seconds") or 0),
        "transcript": event.words or None if event.kind is CallEventKind.TRANSCRIBED else None,
    }  # fmt: skip
    await execute(unit.conn, sql["put"], values)
    if voicemail:
        await _queue_voicemail(unit, call_id)
    unit.notify("calls")


async def _queue_voicemail(unit: Unit, call_id: int) -> None:
    """A message waits for somebody to hear it, as an item of its own weight."""
    from hub.queues import entries

    call = await fetch_one(unit.conn, Call, sql["call"], {"id": call_id})
    if call is None or await fetch_value(unit.conn, sql["heard"], {"call_id": call_id}):
        return
    queue_id = call.queue_id or await fetch_value(unit.conn, sql["account_queue"], {"id": call.account_id})
    if queue_id is not None and await entries.live(unit.conn, call.conversation_id) is None:
        await entries.enqueue(unit, call.conversation_id, int(queue_id), channel="voicemail")


class Keeper:
    """Fetches what is due, a few at a time."""

    def __init__(self, core: Core, accounts: Accounts, connectors: dict[str, Connector]):
        self._core = core
        self._accounts = accounts
        self._connectors = connectors

    async def step(self, limit: int = 4, *, bad: Bad = ignore) -> int:
        """Fetch, and delete at the provider; how many were tried. One that breaks is told to `bad` and put off."""
        due = await self._core.db.all(Due, sql["due"], {"limit": limit})
        for one in due:
            try:
                account = await self._accounts.get(one.account_id)
                if account is not None:
                    await self._one(account, one)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - one odd recording must not keep the others from being fetched
                bad(error, f"recording {one.id}")
                lost = one.attempts + 1 >= _GIVE_UP
                await self._core.db.execute(sql["later"], {"id": one.id, "error": describe(error), "lost": lost})
        await self._core.db.execute(sql["expire"])
        return len(due)

    async def _one(self, account: Account, due: Due) -> None:
        control = call_control(self._connectors.get(account.connector))
        if control is None:
            return
        try:
            if due.state == "remote":
                sound = await control.fetch_recording(account, due.external_id)
                await self._store(account, due, sound.body, sound.content_type)
            await control.delete_recording(account, due.external_id)
            await self._core.db.execute(sql["gone_there"], {"id": due.id})
        except CallError as error:
            lost = error.outcome is CallOutcome.GONE or due.attempts + 1 >= _GIVE_UP
            logger.warning("recording_not_fetched", recording=due.id, error=error.detail, lost=lost)
            await self._core.db.execute(sql["later"], {"id": due.id, "error": error.detail[:500], "lost": lost})

    async def _store(self, account: Account, due: Due, body: bytes, content_type: str) -> None:
        if len(body) > MOST_BYTES:
            raise CallError("The recording is too large.", outcome=CallOutcome.GONE)
        kept = await self._core.files.keep(self._core.db, body)
        values = {
            "id": due.id, **kept.values, "content_type": content_type,
            "days": account.settings.voice.keep_recordings_days,
        }  # fmt: skip
        async with events.unit(self._core.db, self._core.feed) as unit:
            await execute(unit.conn, sql["store"], values)
            await unit.log(
                CallRecorded(call_id=due.call_id, recording_id=due.id),
                conversation_id=due.conversation_id,
            )


async def sound(core: Core, recording_id: int) -> tuple[str, Opened]:
    """Content type and bytes of a stored recording; `NotFound`. Who may hear it is the caller's to ask."""
    rows = await core.db.dicts(sql["sound"], {"id": recording_id})
    if not rows:
        raise NotFound("There is no such recording, or it is not here yet.", code="recording.unknown")
    [row] = rows
    return row["content_type"], await core.files.open(core.db, row["body"], row["file_id"])


async def place(db: Database, recording_id: int) -> int:
    """The conversation a recording belongs to; `NotFound`."""
    found = await db.value(sql["place"], {"id": recording_id})
    if found is None:
        raise NotFound("There is no such recording.", code="recording.unknown")
    return int(found)


async def heard(unit: Unit, recording_id: int, agent_id: int) -> None:
    """Write down who listened: recordings are personal data."""
    rows = await fetch_dicts(unit.conn, sql["whose"], {"id": recording_id})
    if rows:
        await unit.log(
            RecordingHeard(recording_id=recording_id),
            conversation_id=rows[0]["conversation_id"],
            actor_id=agent_id,
            on_conversation=False,
        )
