"""What happens to a message from the moment a connector hands it over until it is committed: every step, by name.

`BEFORE` sees the message alone, before the transaction; then come the steps of the SQL function `intake`, which stores
a whole batch at once (they are listed in `hub/migrations/functions/intake.sql`); `AFTER` adds, in the same transaction,
what few messages bring. A later rule on arrival is one more line in one of the three lists:

- what can be said from the message alone, `BEFORE`, as a field of `Arrival` that `row` hands to `intake`;
- what depends on the contact or on the conversation, in `intake`;
- what needs more than one statement for all messages, `AFTER`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from hub.channels.capabilities import capabilities_of
from hub.channels.model import Account, AddressKind, Inbound, Page
from hub.channels.quiet import quiet
from hub.contacts import linking
from hub.core.db import Connection, execute, fetch_value
from hub.core.errors import Conflict, Invalid
from hub.core.events import Unit
from hub.core.files import Kept
from hub.core.service import Core
from hub.core.sql import Queries
from hub.core.texts import clean
from hub.messages import consents, html, tokens
from hub.messages.cleaning import tidy
from hub.messages.consents import Place
from hub.messages.mail import claims, forwards, written_between
from hub.messages.views import Taken

sql = Queries.beside(__file__, "intake.sql")


@dataclass(frozen=True, slots=True)
class Limits:
    """The product's numbers that `intake` goes by; the SQL type `intake_limits` has the same names."""

    reopen_days: int = 14  # an answer to a conversation resolved longer ago opens a new one
    session_hours: int = 24  # and so does a message on a channel without threads after so long
    sticky_seconds: int = 120  # how long an entry waits for the agent who had it
    weight: int = 100  # of what waits on a channel without a policy, in hundredths of an agent
    preview_length: int = 200  # characters of the last message that lists show
    early_answers: int = 5  # how many of the mails that a mail answers are remembered when they are not here yet
    early_answer_days: int = 14  # and how long
    early_answers_forgotten: int = 100  # at most at once


LIMITS = asdict(Limits())


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message on its way in."""

    inbound: Inbound
    account: Account
    session: bool  # whether the channel knows no threads
    conversation: int | None = None  # the one a signed address of ours names
    raw: Kept | None = None  # its bytes, once they are durable
    files: tuple[Kept, ...] = ()  # those of its attachments, likewise


# -- before the transaction ------------------------------------------------------------------------------------------
async def unwrap(core: Core, arrival: Arrival) -> Arrival:
    """A mail that one of us passed on counts as its first sender's."""
    return replace(arrival, inbound=await forwards.unwrapped(core.db, arrival.inbound))


async def normalize(_: Core, arrival: Arrival) -> Arrival:
    """Texts that can be stored; addresses in normal form."""
    return replace(arrival, inbound=tidy(arrival.inbound))


async def conceal(core: Core, arrival: Arrival) -> Arrival:
    """A mail that quotes our survey keeps no link by which whoever reads it here could rate for the customer."""
    i = arrival.inbound

    def plain(text: str) -> str:
        return tokens.without_rating(core.vault, text)

    if not capabilities_of(arrival.account.channel).letter:
        return arrival
    page = i.page and replace(
        i.page,
        own=i.page.own and plain(i.page.own),
        whole=i.page.whole and plain(i.page.whole),
    )
    meta = {key: plain(value) if isinstance(value, str) else value for key, value in i.meta.items()}
    shown = replace(
        i, subject=plain(i.subject), text=plain(i.text), html=i.html and plain(i.html), page=page, meta=meta
    )
    if shown == i:
        return arrival
    return replace(arrival, inbound=replace(shown, meta={**meta, "quotes_survey": True}))


async def recognize(core: Core, arrival: Arrival) -> Arrival:
    """The value that the sender is known by already (`functions/identity.sql`)."""
    i = arrival.inbound
    if i.address_kind is not AddressKind.WHATSAPP:
        return arrival
    values = {"kind": i.address_kind.value, "address": i.address, "number": i.number}
    return replace(arrival, inbound=replace(i, address=await core.db.value(sql["known_as"], values)))


async def trace(core: Core, arrival: Arrival) -> Arrival:
    """The conversation that a signed address names, or that a mail claims to belong to."""
    named = tokens.conversation_of(core.vault, arrival.inbound.tokens)
    if named is not None:
        return replace(arrival, conversation=named)
    if not capabilities_of(arrival.account.channel).letter:
        return arrival
    return replace(arrival, inbound=await claims.traced(core.db, core.vault, arrival.inbound))


async def compare(core: Core, arrival: Arrival) -> Arrival:
    """What a customer wrote into lines that they quote is shown."""
    return replace(arrival, inbound=await written_between.shown(core.db, arrival.inbound))


async def keep_bytes(core: Core, arrival: Arrival) -> Arrival:
    """Its bytes are durable before a row names them (`hub.core.files`)."""
    inbound = arrival.inbound
    raw = await core.files.keep(core.db, inbound.raw)
    kept = [await core.files.keep(core.db, file.body) for file in inbound.attachments]
    return replace(arrival, raw=raw, files=tuple(kept))


BEFORE: tuple[Callable[[Core, Arrival], Awaitable[Arrival]], ...] = (
    unwrap,
    normalize,
    conceal,
    recognize,
    trace,
    compare,
    keep_bytes,
)


async def prepared(core: Core, arrival: Arrival) -> Arrival:
    """`arrival` after each step of `BEFORE`."""
    for step in BEFORE:
        arrival = await step(core, arrival)
    return arrival


# -- the batch -------------------------------------------------------------------------------------------------------
def row(arrival: Arrival) -> dict[str, Any]:
    """A prepared message as the SQL function `intake` reads it (the type `intake_item`)."""
    i, account = arrival.inbound, arrival.account
    return {
        "account_id": account.id,
        "connector": account.connector,
        "dedup_key": i.dedup_key,
        "raw_type": i.raw_type,
        "raw_file": arrival.raw and arrival.raw.file_id,
        "kind": i.address_kind.value,
        "address": i.address,
        "number": i.number,
        "name": i.name,
        "subject": i.subject,
        "text": i.text,
        "html": i.html,
        "external_id": i.external_id,
        "refs": i.references,
        "hint": arrival.conversation,
        "session": arrival.session,
        "verified": i.verified,
        "automatic": i.automatic,
        "locale": i.locale,
        "at": i.sent_at,
        "meta": i.meta,
        "channel": account.channel,
        "quiet": quiet(i, account.channel),
        **_page(i.page),
    }


def _page(page: Page | None) -> dict[str, Any]:
    if page is None:
        return {}
    return {
        "page_version": html.VERSION, "page_own": page.own, "page_whole": page.whole,
        "page_pictures": list(page.pictures), "page_error": page.error,
    }  # fmt: skip


# -- after the batch, in its transaction -----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Stored:
    """A message that `intake` has stored, and the transaction it is in."""

    unit: Unit
    core: Core
    arrival: Arrival
    taken: Taken


async def store_number(stored: Stored) -> None:
    """Somebody's number as it is now; who turns out to be known by it already is linked, for agents to undo."""
    inbound, taken = stored.arrival.inbound, stored.taken
    if not (inbound.number or inbound.reported):
        return
    values = {"address_id": taken.address_id, "number": inbound.number, "reported": inbound.reported}
    await execute(stored.unit.conn, sql["number"], values)
    if not inbound.number or inbound.number == inbound.address:
        return
    other = await fetch_value(stored.unit.conn, sql["namesake"], values)
    if other is not None and taken.contact_id is not None:
        with suppress(Conflict, Invalid):  # somebody linked them at this moment
            await linking.link(stored.unit, min(other, taken.contact_id), max(other, taken.contact_id), actor_id=None)


async def enqueue_remote_files(stored: Stored) -> None:
    """Files that are fetched after their message."""
    for position, one in enumerate(stored.arrival.inbound.media):
        values = {
            "interaction_id": stored.taken.interaction_id, "account_id": stored.arrival.account.id,
            "position": position, "url": clean(one.url)[:2000],
            "content_type": clean(one.content_type)[:255],
        }  # fmt: skip
        await execute(stored.unit.conn, sql["remote_file"], values)
        stored.unit.notify("media")


async def name_files(stored: Stored) -> None:
    """The files of a message without words stand for it."""
    inbound = stored.arrival.inbound
    if not inbound.text.strip() and (inbound.attachments or inbound.media):
        await execute(stored.unit.conn, sql["say_files"], {"interaction_id": stored.taken.interaction_id})


async def record_consent(stored: Stored) -> None:
    """A wish about being written to is written down, obeyed and confirmed."""
    consent, taken = stored.arrival.inbound.consent, stored.taken
    if consent is None or not taken.address_id or not taken.conversation_id:
        return
    account = stored.arrival.account
    place = Place(taken.address_id, account.id, account.channel, taken.conversation_id, taken.raw_id)
    await consents.obey(stored.unit, stored.core.vault, consent, place)


AFTER: tuple[Callable[[Stored], Awaitable[None]], ...] = (
    store_number,
    enqueue_remote_files,
    name_files,
    record_consent,
)


def has_more(inbound: Inbound) -> bool:
    """Whether a step of `AFTER`, or a file, makes storing it more than the one statement for all."""
    return bool(inbound.attachments or inbound.media or inbound.consent or inbound.number or inbound.reported)


async def complete(unit: Unit, core: Core, arrivals: Sequence[Arrival], taken: dict[int, Taken]) -> None:
    """The files of each message, then each step of `AFTER`; message by message, in one order for all batches."""
    await store_attachments(unit.conn, arrivals, taken)
    for n, one in sorted(taken.items(), key=lambda pair: (pair[1].address_id or 0, pair[1].conversation_id or 0)):
        if not one.duplicate:
            for step in AFTER:
                await step(Stored(unit, core, arrivals[n], one))


async def store_attachments(conn: Connection, arrivals: Sequence[Arrival], taken: dict[int, Taken]) -> None:
    """The files of each message, in order of the messages."""
    for n, one in taken.items():
        if one.duplicate:
            continue
        for a, kept in zip(arrivals[n].inbound.attachments, arrivals[n].files, strict=True):
            values = {
                "interaction_id": one.interaction_id, "name": clean(a.name)[:255],
                "content_type": clean(a.content_type)[:255], "inline": a.inline, **kept.values,
                "content_id": clean(a.content_id)[:255] if a.content_id else None,
            }  # fmt: skip
            await execute(conn, sql["attach"], values)
