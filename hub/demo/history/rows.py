"""Rows on their way into tables by COPY: a bounded number in memory, each table's in order of its ids."""

from __future__ import annotations

from datetime import UTC, datetime

from psycopg.sql import SQL, Identifier

from hub.core.db import Connection

# In the order in which foreign keys allow them. Identity columns are written, so ids are what the writer says.
COLUMNS: dict[str, str] = {
    "contact": "id root_id name locale created_at",
    "address": "id contact_id kind value verified_at created_at number",
    "phone_person": "number contact_id",
    "raw": "id account_id connector dedup_key content_type body received_at",
    "conversation": "id contact_id account_id channel subject preview status queue_id agent_id seq interaction_seq"
    " read_seq waiting_since first_reply_at last_inbound_at last_outbound_at snoozed_until resolved_at resolved_by"
    " disposition created_at updated_at",
    "interaction": "id conversation_id contact_id seq kind direction channel account_id address_id agent_id subject"
    " text html external_id client_id status verified meta raw_id at",
    "page": "interaction_id version own",
    "attachment": "interaction_id name content_type body created_at",
    "queue_entry": "id conversation_id queue_id channel state entered_at queued_at target_seconds weight agent_id"
    " offer_id offers assigned_at answered_at closed_at outcome",
    "offer": "id entry_id agent_id state offered_at expires_at ended_at epoch",
    "decision": "entry_id offer_id agent_id key reason candidates at",
    "outbound": "interaction_id conversation_id account_id connector payload state rank attempt due_at provider_id"
    " created_at wire_at done_at",
    "rating": "conversation_id agent_id score comment at queue_id",
    "event": "at kind contact_id conversation_id conversation_seq agent_id queue_id actor_id data",
    "stat_bucket": "queue_id channel at entered answered answered_in_target wait_seconds",
    "stat_flow": "queue_id at arrived answered",
}


class Rows:
    """Collects rows and writes them when there are many."""

    def __init__(self, most: int = 30_000):
        self._most = most
        self._lines: dict[str, list[str]] = {table: [] for table in COLUMNS}
        self._count = 0
        self.written = 0

    @property
    def full(self) -> bool:
        """Whether it is time to write."""
        return self._count >= self._most

    def add(self, table: str, *values: str | float | None) -> None:
        """One row, its values in the order of `COLUMNS`; times as `moment` has them, bytes as `hexed` does.

        Texts stand as they are: none of ours has a tab, a line's end or a backslash.
        """
        self._lines[table].append(
            "\t".join(
                [v if v.__class__ is str else "\\N" if v is None else str(v) for v in values]  # type: ignore[misc] - values of any kind, in the fastest loop of the filling
            )
        )
        self._count += 1

    async def write(self, conn: Connection) -> None:
        """Everything collected, table by table."""
        for table, lines in self._lines.items():
            if not lines:
                continue
            columns = SQL(", ").join(map(Identifier, COLUMNS[table].split()))
            async with (
                conn.cursor() as cursor,
                cursor.copy(SQL("copy {} ({}) from stdin").format(Identifier(table), columns)) as copy,
            ):
                await copy.write("\n".join(lines) + "\n")
            self.written += len(lines)
            lines.clear()
        self._count = 0


def hexed(value: bytes) -> str:
    """Bytes as COPY reads them."""
    return f"\\\\x{value.hex()}"


def moment(seconds: float | None) -> str | None:
    """A time as PostgreSQL reads it."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
