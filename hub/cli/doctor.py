"""`hub doctor`: everything that can be said of an installation, from the machine to the hours of a queue."""

from __future__ import annotations

from hub.cli.addresses import announced, reached, run_core
from hub.conversations import invariants
from hub.core import file_upkeep, health, problems, retention
from hub.core.db import Database
from hub.core.errors import HubError
from hub.core.health import Finding
from hub.core.service import Core
from hub.core.sql import Queries
from hub.core.texts import counted
from hub.queues import hours
from hub.queues.hours import Hours
from hub.settings import Settings

DAY = 86_400.0  # seconds
sql = Queries.beside(__file__, "doctor.sql")


def examine(settings: Settings) -> list[Finding]:
    """All findings, whatever part of the installation is away."""
    findings = health.machine(settings.data)

    async def inside(core: Core) -> int:
        findings.extend([finding async for finding in health.servers(core.db, core.feed)])
        findings.extend(await _key(core))
        findings.extend(await _files(core))
        findings.append(await _sizes(core))
        findings.extend(await hours_findings(core.db))
        findings.extend(await work_findings(core.db))
        return 0

    try:
        with reached(settings) as (places, own):
            if (about := own.about() if own else announced(settings)) is not None:
                findings.extend(health.embedded(about))
            run_core(places, inside)
    except HubError as error:
        findings.append(Finding("Servers", False, error.detail, error.remedy or ""))
    return findings


async def _key(core: Core) -> list[Finding]:
    found = [health.finding(problem) for problem in await problems.key(core.db, core.vault)]
    return found or [Finding("Secret key", True, "reads what is encrypted")]


async def _files(core: Core) -> list[Finding]:
    found = [health.finding(problem) for problem in await problems.files(core.db, core.files)]
    return found or [Finding("Files", True, f"go to the {core.files.settings.store}")]


async def _sizes(core: Core) -> Finding:
    """How large each kind is, in the database and outside of it; how long it is kept is in the settings."""
    words = [f"{one.kind} {one.bytes / 2**20:,.0f} MB" for one in await retention.sizes(core.db)]
    outside = [one for one in await file_upkeep.sizes(core.db) if one.state == "kept"]
    words += [f"{counted(one.files, 'file')} in the {one.place} {one.bytes / 2**20:,.0f} MB" for one in outside]
    return Finding("Sizes", True, ", ".join(words))


async def hours_findings(db: Database) -> list[Finding]:
    """Hours that were stored before `hub apply` refused them, or by hand."""
    found: list[Finding] = []
    for row in await db.dicts(sql["hours"]):
        for wrong in hours.problems(Hours(row["timezone"], row["week"], row["holidays"] or [])):
            remedy = "Correct it in the center.toml and run `hub apply`."
            found.append(Finding(f"Hours {row['key']}", False, wrong, remedy))
    return found


async def work_findings(db: Database) -> list[Finding]:
    """What was put right lately: nothing should have to be; each is a mistake of the hub's, or made by hand."""
    found = await invariants.mended(db, DAY)
    if not found:
        return [Finding("Rules of work", True, "nothing had to be put right in the last day")]
    words = ", ".join(f"{m.fault} {counted(m.number, 'time')}" for m in found)
    remedy = "Nothing is lost: the work waits where it is seen again. Report it with the log's `work_repaired` lines."
    return [Finding("Rules of work", False, f"put right in the last day: {words}", remedy)]
