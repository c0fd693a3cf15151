"""Every text that is indexed is bounded in bytes: an index entry that is too long can never be stored."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from hub.core import db as database
from hub.core.db import Database
from hub.core.errors import ConnectionLost, Contended, Unavailable
from hub.core.identifiers import MOST_BYTES

ENTRY = 2704  # bytes: a third of a page (PostgreSQL, nbtree)
WORD = 100  # of our own: states, kinds, channels, connectors
KEY = WORD  # of what administrators name: hub.provisioning.model.Key

# Who bounds it. `identifier` is hub.core.identifiers; a new index on text needs a line here, and somebody who does.
BOUNDS = {
    "account.key": KEY,
    "address.kind": WORD,
    "address.number": MOST_BYTES,  # identifier, by tidy
    "address.value": MOST_BYTES,  # identifier, by hub.contacts.identity
    "phone_person.number": WORD,  # E.164, by person_of()
    "agent.email": 4 * 320,
    "agent.role": KEY,  # refers to role.key
    "agent_channel.channel": WORD,
    "call.external_id": MOST_BYTES,  # identifier, by hub.calls.handler
    "call_command.key": MOST_BYTES,  # our own ids
    "call_event.dedup_key": MOST_BYTES,  # identifier, by hub.calls.handler
    "call_leg.external_id": MOST_BYTES,
    "call_recording.external_id": MOST_BYTES,
    "callback.number": WORD,  # E.164
    "channel_policy.channel": WORD,
    "chat_identity.subject": 4 * 200,  # connectors.chat.identity
    "chat_identity.visitor": WORD,  # our own
    "chat_sign_out.browser": WORD,  # our own
    "chat_upload.client_id": WORD,  # a pattern of the API's
    "chat_upload.visitor": WORD,  # our own
    "conversation.channel": WORD,
    "conversation.status": WORD,
    "delivery.connector": WORD,
    "delivery.provider_id": MOST_BYTES,  # identifier, by hub.messages.delivery
    "delivery.status": WORD,
    "disposition.key": KEY,
    "early_answer.answer": MOST_BYTES,  # identifier, by tidy
    "early_answer.reference": MOST_BYTES,  # identifier, by tidy
    "event_cursor.reader": WORD,
    "follow_up.key": MOST_BYTES,  # our own ids
    "hours.key": KEY,
    "interaction.channel": WORD,
    "interaction.client_id": WORD,  # a pattern of the API's
    "interaction.external_id": MOST_BYTES,  # identifier, by tidy
    "lease.name": 4 * 500 + WORD,  # a mailbox's folder
    "login_attempt.key": MOST_BYTES,  # identifier, by hub.access.signin
    "mailbox.folder": 4 * 500,  # its settings
    "mailbox_message.folder": 4 * 500,
    "meta.key": WORD,
    "migration.name": WORD,
    "stored_file.place": WORD,
    "stored_file.state": WORD,
    "outbound.provider_id": MOST_BYTES,  # identifier, by hub.messages.delivery and hub.messages.outbox
    "queue.key": KEY,
    "queue_count.what": WORD,  # a check of the table
    "raw.connector": WORD,
    "raw.dedup_key": MOST_BYTES,  # identifier, by tidy and by quarantine
    "role.key": KEY,  # a check of the table
    "role_permission.permission": WORD,  # hub.access.permissions
    "role_permission.role_key": KEY,
    "service_health.part": WORD,  # our own
    "service_health.service": 4 * 500 + WORD,  # of a lease
    "skill.key": KEY,
    "stat_bucket.channel": WORD,
    "template.key": KEY,
    "template.locale": WORD,
    "worker.name": 400,  # a host's name, which has at most 255 bytes, and a number
}
INDEXED = """
select i.indexrelid::regclass::text as index, t.relname || '.' || a.attname as column
from pg_index i
join pg_class t on t.oid = i.indrelid
join pg_namespace n on n.oid = t.relnamespace and n.nspname = 'public'
join pg_class x on x.oid = i.indexrelid
join pg_am m on m.oid = x.relam and m.amname = 'btree'
cross join lateral unnest(i.indkey[:i.indnatts - 1]) as k (n)
join pg_attribute a on a.attrelid = t.oid and a.attnum = k.n
where a.atttypid in ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype)
order by 1, 2
"""


async def test_every_indexed_text_is_bounded(db: Database) -> None:
    found: dict[str, list[str]] = {}
    for row in await db.dicts(INDEXED):
        found.setdefault(row["index"], []).append(row["column"])
    unknown = {column for columns in found.values() for column in columns} - set(BOUNDS)
    assert not unknown, "bound these where they are written, then say so in BOUNDS"
    for index, columns in found.items():
        assert sum(BOUNDS[column] for column in columns) + 64 <= ENTRY, index


async def test_value_too_long_for_an_index_is_not_taken_for_an_absent_database(db: Database) -> None:
    long = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(2000))
    with pytest.raises(errors.ProgramLimitExceeded):
        await db.execute("insert into meta (key, value) values (%s, '1')", [long])


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (psycopg.OperationalError("the connection is lost"), ConnectionLost),
        (errors.ConnectionFailure(), ConnectionLost),
        (errors.AdminShutdown(), ConnectionLost),
        (errors.CannotConnectNow(), Unavailable),
        (errors.TooManyConnections(), Unavailable),
        (errors.DiskFull(), Unavailable),
        (errors.IoError(), Unavailable),
        (errors.ReadOnlySqlTransaction(), Unavailable),
        (errors.DeadlockDetected(), Contended),
        (errors.SerializationFailure(), Contended),
        (errors.LockNotAvailable(), None),  # hub.core.contention waits for it
        (errors.QueryCanceled(), Contended),
        (errors.ProgramLimitExceeded(), None),
        (errors.StatementTooComplex(), None),
        (errors.NumericValueOutOfRange(), None),
        (errors.UniqueViolation(), None),
        (errors.UntranslatableCharacter(), None),
        (errors.InternalError_(), None),
        (psycopg.ProgrammingError("placeholder"), None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_error_means_what_its_sqlstate_says(error: psycopg.Error, means: type[Unavailable] | None) -> None:
    found = database.unavailable(error)
    assert (type(found) if found is not None else None) is means
