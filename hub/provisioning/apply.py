"""`hub apply`: make the database say what the file says, and show the difference.

Idempotent: applying twice changes nothing the second time. What the file does not mention is kept and listed, never
deleted: people and conversations hang on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from psycopg import sql as pgsql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ValidationError

from hub.access import roles
from hub.channels import duplicates, trouble
from hub.channels.accounts import seal, split_secrets
from hub.channels.events import ConfigApplied
from hub.channels.model import Connector
from hub.core import events
from hub.core.db import Connection, Database, execute, fetch_dicts
from hub.core.errors import ConfigError, Conflict, Invalid
from hub.core.field_errors import dotted, named
from hub.core.records import Records
from hub.core.secrets import Vault
from hub.core.sql import Queries
from hub.provisioning import named_queues
from hub.provisioning.model import KEYED, Account, Center, unknown_names
from hub.provisioning.yielding import circle
from hub.queues.administration import QUEUES

sql = Queries.beside(__file__)
Row = dict[str, Any]
_JSON = {"week", "holidays", "settings", "requirements"}


@dataclass(slots=True)
class Difference:
    """What applying changed, or would change, in lines for people.

    `kept`: what the file mentions and its page keeps; `unmentioned`: what there is besides; `warned`: what holds, and
    may not be meant.
    """

    lines: list[str] = field(default_factory=list[str])
    kept: list[str] = field(default_factory=list[str])
    unmentioned: list[str] = field(default_factory=list[str])
    warned: list[str] = field(default_factory=list[str])


class _DryRun(Exception):
    """Roll back: only the difference was wanted."""


async def apply(
    db: Database, vault: Vault, connectors: Mapping[str, Connector], center: Center, *, dry_run: bool = False
) -> Difference:
    """Apply the file in one transaction; the difference either way."""
    difference = Difference()
    try:
        async with db.transaction() as conn:
            before = await duplicates.locked(conn)  # one apply at a time, and nobody else at the accounts
            await _Applier(conn, vault, connectors, difference).run(center)
            await _refuse_duplicates(conn, connectors, before)
            if difference.lines:
                # Whoever keeps the center in memory (the router) reads it again when it meets this in the log.
                await events.append(conn, ConfigApplied(changes=len(difference.lines)))
            if dry_run:
                raise _DryRun
    except _DryRun:
        pass
    return difference


async def _refuse_duplicates(
    conn: Connection, connectors: Mapping[str, Connector], before: Mapping[int, duplicates.Own]
) -> None:
    """Every account is looked at when all are written, so that two may exchange their addresses."""
    try:
        await duplicates.refuse(conn, connectors, before)
    except Conflict as error:
        raise ConfigError(error.detail, remedy=f"{error.remedy} Nothing was changed.") from None


class _Applier:
    def __init__(self, conn: Connection, vault: Vault, connectors: Mapping[str, Connector], difference: Difference):
        self._conn = conn
        self._vault = vault
        self._connectors = connectors
        self._difference = difference
        self._queues_named: list[named_queues.Named] = []

    async def run(self, center: Center) -> None:
        """In the order in which things name each other."""
        await self._check_names(center)
        await roles.lock(self._conn)
        called = {records: await records.doubles(self._conn) for records in (QUEUES, roles.ROLES)}
        administered = await roles.somebody_administers(self._conn)
        hours = await self._table("hours", "key", [h.model_dump(mode="json") for h in center.hours])
        skills = await self._table("skill", "key", [s.model_dump() for s in center.skill])
        queues = await self._table(
            "queue",
            "key",
            [
                {**q.model_dump(exclude={"hours"}), "hours_id": hours.get(q.hours or ""), "source": "file"}
                for q in center.queue
            ],
        )
        await self._roles(center)
        for records, before in called.items():
            await self._require_own_names(records, before)
        agents = await self._table(
            "agent", "email", [a.model_dump(exclude={"queues", "skills"}) for a in center.agent], kept="agents"
        )
        if administered and not await roles.somebody_administers(self._conn):
            raise ConfigError(
                "Nobody would be left who can make roles.",
                remedy="Give somebody in the file a role with role.manage, as `admin`; nothing was changed.",
            )
        await execute(self._conn, sql["states"])
        of_page = {row["id"] for row in await fetch_dicts(self._conn, sql["of_page"])}
        for agent in center.agent:
            named = {queues[k]: None for k in agent.queues if queues[k] not in of_page}
            await self._members("agent_queue", agents[agent.email], agent.email, named, queues)
            await self._members(
                "agent_skill", agents[agent.email], agent.email, {skills[k]: n for k, n in agent.skills.items()}, skills
            )
        accounts = await self._table(
            "account", "key", [self._account(a, queues) for a in center.account], kept="accounts"
        )
        self._difference.warned += await named_queues.check(self._conn, self._queues_named)
        for account_id in accounts.values():
            await trouble.mended(self._conn, account_id)
        await self._templates(center)
        await self._table("disposition", "key", [d.model_dump() for d in center.disposition])
        await self._singleton("automation", center.automation)
        await self._singleton("routing", center.routing)
        await self._table(
            "channel_policy",
            "channel",
            [{"channel": name, **p.model_dump(exclude_none=True)} for name, p in center.channel.items()],
            kept=None,
        )
        await self._yielding()

    async def _check_names(self, center: Center) -> None:
        """What parts of the file name each other by is in it, or here already."""
        known: dict[str, list[str]] = {kind: [] for kind in KEYED}
        for row in await fetch_dicts(self._conn, sql["known"]):
            known[row["kind"]].append(row["key"])
        if problems := unknown_names(center, known):
            raise ConfigError("\n".join(problems), remedy="Correct these and apply again; nothing was changed.")

    async def _yielding(self) -> None:
        """What the file says of some channels must suit what the database says of the others."""
        yields = {row["channel"]: row["yields_to"] for row in await fetch_dicts(self._conn, sql["yielding"])}
        remedy = "Correct `yields_to` of one of them and apply again; nothing was changed."
        if path := circle(yields):
            raise ConfigError(f"Channels yield to each other in a circle: {' → '.join(path)}.", remedy=remedy)
        if unknown := sorted({other for others in yields.values() for other in others} - set(yields)):
            raise ConfigError(f"There is no channel {unknown[0]!r} to yield to.", remedy=remedy)

    async def _table(self, table: str, key: str, wanted: list[Row], *, kept: str | None = "") -> dict[str, int]:
        """Upsert rows by key; ids by key. Only columns that differ are written."""
        have = {row[key]: row for row in await self._all(pgsql.SQL(sql["rows"]).format(pgsql.Identifier(table)))}
        for row in wanted:
            old = have.get(row[key])
            if old is not None and old.get("source") == "page":
                self._difference.kept.append(f"{table} {row[key]!r} (its page keeps it)")
            else:
                await self._row(table, key, row, old)
        if kept is not None:
            names = sorted(set(have) - {r[key] for r in wanted})
            self._difference.unmentioned += [f"{table} {name!r}" for name in names]
        if table in {"disposition", "channel_policy"}:
            return {}  # these are named by their key alone
        query = pgsql.SQL(sql["keys"]).format(pgsql.Identifier(key), pgsql.Identifier(table))
        return {row["key"]: row["id"] for row in await self._all(query)}

    async def _row(self, table: str, key: str, row: Row, old: Row | None) -> None:
        changed = {
            c: v
            for c, v in row.items()
            if old is None or self._comparable(c, old[c], row) != self._comparable(c, v, row)
        }
        if not changed:
            return
        values = {c: Jsonb(v) if c in _JSON else v for c, v in changed.items()}
        if old is None:
            query = pgsql.SQL(sql["add"]).format(
                pgsql.Identifier(table),
                pgsql.SQL(", ").join(map(pgsql.Identifier, values)),
                pgsql.SQL(", ").join(map(pgsql.Placeholder, values)),
            )
            self._difference.lines.append(f"+ {table} {row[key]!r}")
        else:
            pairs: list[pgsql.Composable] = [
                pgsql.SQL("{} = {}").format(pgsql.Identifier(c), pgsql.Placeholder(c)) for c in values
            ]
            if "version" in old:  # pages see that what they show has changed
                pairs.append(pgsql.SQL("version = version + 1"))
            query = pgsql.SQL(sql["change"]).format(
                pgsql.Identifier(table), pgsql.SQL(", ").join(pairs), pgsql.Identifier(key), pgsql.Placeholder("_key")
            )
            self._difference.lines += [f"~ {table} {row[key]!r}: {_change(c, old[c], v)}" for c, v in changed.items()]
        async with self._conn.cursor() as cursor:
            await cursor.execute(query, {**values, "_key": row[key]})
        if table == "queue":
            before = {} if old is None else {c: old[c] for c in changed}
            await self._note(QUEUES, str(row[key]), before, {c: v for c, v in changed.items() if c != "source"})

    async def _require_own_names(self, records: Records, before: list[Row]) -> None:
        """All are looked at when all are written, so that two may exchange their names."""
        known = {(two["key"], two["other_key"]) for two in before}
        for two in await records.doubles(self._conn):
            if (two["key"], two["other_key"]) not in known:
                raise ConfigError(
                    f"The {records.noun}s {two['key']!r} and {two['other_key']!r} are both called {two['name']!r}.",
                    remedy="Rename one of them, or archive it on its page, and apply again; nothing was changed.",
                )

    async def _note(self, records: Records, key: str, before: Row, after: Row) -> None:
        """The history of what pages show has the file's changes, too."""
        entry = records.entry(await records.called(self._conn, key), "changed" if before else "created", before, after)
        await events.append(self._conn, entry)

    def _comparable(self, column: str, value: Any, row: Row) -> Any:
        """Secrets are sealed with a fresh nonce each time: compare what is inside."""
        if column == "secrets" and value is not None:
            return self._vault.decrypt(f"account.secrets:{row['key']}", bytes(value))
        return value

    async def _members(
        self, table: str, agent_id: int, email: str, wanted: Mapping[int, int | None], names: Mapping[str, int]
    ) -> None:
        """Make an agent's queues or skills exactly the file's; queues that their pages keep are left to those."""
        in_queues = table == "agent_queue"
        of_agent = {"agent_id": agent_id}
        have = {
            row["id"]: row["level"]
            for row in await fetch_dicts(self._conn, sql["queues_of"] if in_queues else sql["skills_of"], of_agent)
        }
        if have == wanted:
            return
        by_id = {number: key for key, number in names.items()}
        said = ", ".join(f"{by_id.get(i, i)}{'' if n is None else f' {n}'}" for i, n in wanted.items()) or "none"
        self._difference.lines.append(f"~ agent {email!r}: {'queues' if in_queues else 'skills'} are now {said}")
        await execute(self._conn, sql["leave_queues"] if in_queues else sql["leave_skills"], of_agent)
        for number, level in wanted.items():
            row = {**of_agent, "id": number, "level": level}
            await execute(self._conn, sql["join_queue"] if in_queues else sql["have_skill"], row)

    def _account(self, account: Account, queues: Mapping[str, int]) -> Row:
        connector = self._connectors.get(account.connector)
        if connector is None:
            raise ConfigError(
                f"account {account.key!r}: there is no connector {account.connector!r}.",
                remedy=f"Installed: {', '.join(sorted(self._connectors))}.",
            )
        if account.channel not in connector.channels:
            raise ConfigError(
                f"account {account.key!r}: the connector {account.connector!r} has no channel {account.channel!r}.",
                remedy=f"It has: {', '.join(connector.channels)}.",
            )
        model = _settings(connector, account)
        place = f"account {account.key!r}"
        self._queues_named += [
            *([(f"{place}, queue", account.queue)] if account.queue else []),
            *named_queues.in_settings(model, place),
        ]
        settings, secrets = split_secrets(model)
        return {
            **account.model_dump(mode="json", exclude={"queue", "settings"}),
            "queue_id": queues.get(account.queue or ""),
            "settings": settings,
            "secrets": seal(self._vault, account.key, secrets),
        }

    async def _roles(self, center: Center) -> None:
        """Roles of one's own; those that are built in, or kept by their page, stay as they are."""
        have = {row["key"]: row for row in await fetch_dicts(self._conn, roles.ROLES.sql["records"])}
        for role in center.role:
            row = role.model_dump(mode="json")
            old = have.get(role.key)
            if old is not None and old["source"] == "built-in":
                raise ConfigError(f"role {role.key!r} is built in.", remedy="Give yours another key and apply again.")
            if old is not None and old["source"] == "page":
                self._difference.kept.append(f"role {role.key!r} (its page keeps it)")
                continue
            try:
                roles.check(row["permissions"])
            except Invalid as error:
                wrong = "; ".join(f"{place} {what}" for place, what in error.fields.items())
                raise ConfigError(f"role {role.key!r}: {wrong}.", remedy="Correct it; nothing was changed.") from None
            if old is not None and (old["name"], old["permissions"]) == (role.name, row["permissions"]):
                continue
            values = {**row, "source": "file", "permissions": Jsonb(row["permissions"])}
            self._difference.lines.append(f"{'~' if old else '+'} role {role.key!r}")
            if old is None:
                await execute(self._conn, roles.ROLES.sql["add_record"], values)
            await execute(self._conn, roles.ROLES.sql["change_record"], values)
            shown = {"name": role.name, "permissions": row["permissions"]}
            before = {} if old is None else {c: old[c] for c in shown if old[c] != shown[c]}
            await self._note(
                roles.ROLES, role.key, before, {c: v for c, v in shown.items() if not before or c in before}
            )
        every = await fetch_dicts(self._conn, roles.ROLES.sql["records"])
        known = {row["key"] for row in every if row["archived_at"] is None}
        for agent in center.agent:
            if agent.role not in known:
                raise ConfigError(
                    f"agent {agent.email!r}: there is no role {agent.role!r}.",
                    remedy=f"There are: {', '.join(sorted(known))}. Nothing was changed.",
                )

    async def _templates(self, center: Center) -> None:
        have = {(t["key"], t["locale"]): t for t in await fetch_dicts(self._conn, sql["templates"])}
        for template in center.template:
            row = template.model_dump()
            old = have.get((template.key, template.locale))
            if old == row:
                continue
            self._difference.lines.append(f"{'~' if old else '+'} template {template.key!r} ({template.locale})")
            await execute(self._conn, sql["put_template"], row)

    async def _singleton(self, key: str, part: BaseModel | None) -> None:
        """A part of the file there is one of."""
        if part is None:
            return
        wanted = part.model_dump()
        rows = await fetch_dicts(self._conn, sql["meta"], {"key": key})
        if rows and rows[0]["value"] == wanted:
            return
        self._difference.lines.append(f"~ {key}: {_short(wanted)}")
        await execute(self._conn, sql["put_meta"], {"key": key, "value": Jsonb(wanted)})

    async def _all(self, query: pgsql.SQL | pgsql.Composed) -> list[Row]:
        async with self._conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query)
            return await cursor.fetchall()


def _settings(connector: Connector, account: Account) -> BaseModel:
    try:
        return connector.Settings.model_validate(account.settings)
    except ValidationError as error:
        lines = [f"account {account.key!r}, settings.{dotted(place)}: {what}" for place, what in named(error)]
        raise ConfigError("\n".join(lines), remedy="Correct these and apply again; nothing was changed.") from None


def _change(column: str, old: Any, new: Any) -> str:
    if column == "secrets":
        return "secrets changed"
    return f"{column} {_short(old)} → {_short(new)}"


def _short(value: Any) -> str:
    text = orjson.dumps(value).decode() if isinstance(value, dict | list) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def shown(difference: Difference) -> Iterable[str]:
    """The difference for a terminal."""
    yield from difference.lines or ["Nothing to change."]
    if difference.kept:
        yield f"Kept as it is, whatever the file says: {', '.join(difference.kept)}"
    if difference.unmentioned:
        yield f"Not in the file, and left alone: {', '.join(difference.unmentioned)}"
    yield from (f"! {line}" for line in difference.warned)
