"""Processes of a release before and of this version on one database: whichever came first, whichever starts again."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path

import aiohttp
import pytest

from hub.access import signin
from hub.core.embedded import Servers
from hub.core.service import Addresses, Core, open_core
from hub.demo import TwilioStandin
from tests.chaos.harness import KEY, NUMBER, SID, TOKEN, Fleet, Program, Provider, Town, sms, start
from tests.chaos.invariants import check_consistency
from tests.integration.connectors.harness import eventually, free_port
from tests.migration.released import beside, unpack
from tests.support.postgres import other_database

pytestmark = pytest.mark.slow
ORDERS = [(release, first) for release in beside() for first in ("old", "new")]
LAID = """
    select string_agg(p.oid::regprocedure || md5(p.prosrc), ' ' order by p.oid) from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace where n.nspname ~ '^hub_v'
"""
ATTACHED = "select string_agg(tgname || tgfoid, ' ' order by tgname) from pg_trigger where not tgisinternal"
CENTER = """
[[queue]]
key = "care"
name = "Care"

[[agent]]
email = "amy@hub.example"
name = "amy"
queues = ["care"]
capacity = 10000

[[account]]
key = "sms"
connector = "twilio"
channel = "sms"
name = "SMS"
address = "{number}"
queue = "care"

[account.settings]
account_sid = "{sid}"
auth_token = "{token}"
api_base = "{url}"
timeout_seconds = 10

[channel.sms]
weight = 1
max_per_agent = 10000
offer_timeout_seconds = 60
"""
_numbers = itertools.count(1)


class Both:
    """Programs of either version on one database."""

    def __init__(self, fleet: Fleet, programs: Path, places: Addresses):
        self.fleet = fleet
        self.places = places
        self._paths = {"old": {"PYTHONPATH": str(programs)}, "new": dict[str, str]()}
        self._ports = {"old": fleet.port, "new": free_port()}

    def url(self, version: str) -> str:
        """Where the version's web process answers."""
        return f"http://127.0.0.1:{self._ports[version]}"

    def run(self, version: str, *command: str) -> Program:
        """`hub COMMAND` of one version."""
        port = {"HUB_WEB__PORT": str(self._ports[version])}
        program = start(
            self.fleet.folder / version, *command, **{**self.fleet.environment, **port, **self._paths[version]}
        )
        program.url = self.url(version)
        self.fleet.running.append(program)
        return program

    async def done(self, version: str, *command: str) -> str:
        """`hub COMMAND` of one version to its end; what it said."""
        program = self.run(version, *command)
        assert await program.ended(60) == 0, program.said
        return program.said

    async def serve(self, version: str) -> Program:
        """A web process of one version, ready."""
        program = self.run(version, "serve")
        await program.ready()
        return program


@pytest.fixture(params=ORDERS, ids=lambda order: f"{order[0]}, {order[1]} first")
async def order(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


@pytest.fixture
async def both(tmp_path: Path, database_url: str, servers: Servers, order: tuple[str, str]) -> AsyncGenerator[Both]:
    with other_database(database_url, finds_functions=False) as url:
        async with Fleet(tmp_path, url, servers.redis_url) as fleet:
            places = Addresses(url, servers.redis_url, KEY.encode(), fleet.public_url)
            yield Both(fleet, unpack(order[0], tmp_path), places)


async def _worked(both: Both, town: Town, provider: Provider, twilio: TwilioStandin, taken: str, worked: str) -> None:
    """A customer writes to one version, and is answered from the desk of the other."""
    customer = f"+1415777{next(_numbers):04d}"
    await provider.insist(both.url(taken), sms(customer, f"Taken by the {taken} one"))
    http, desk = provider.http, f"{both.url(worked)}/api/v1"

    async def offered() -> dict[str, int] | None:
        offers = (await town.call(http, "amy", "GET", f"{desk}/me/offers"))["items"]
        return next((offer for offer in offers if offer["preview"] == f"Taken by the {taken} one"), None)

    offer = await eventually(offered, 30)
    await town.call(http, "amy", "POST", f"{desk}/offers/{offer['id']}/accept", {})
    conversation = f"{desk}/conversations/{offer['conversation_id']}"
    reply = {"client_id": str(uuid.uuid4()), "text": f"Answered by the {worked} one"}
    await town.call(http, "amy", "POST", f"{conversation}/replies", reply)
    assert (await twilio.outgoing_to(customer)).body == reply["text"]
    await town.call(http, "amy", "POST", f"{conversation}/resolve", {})


async def _town(core: Core) -> Town:
    town = Town(core)
    town.ids["amy"] = await core.db.value("select id from agent where name = 'amy'")
    _, town.tokens["amy"] = await signin.new_api_token(core.db, town.ids["amy"], "test")
    return town


async def test_two_releases_work_side_by_side_and_either_may_start_again(both: Both, order: tuple[str, str]) -> None:
    first, second = order[1], "old" if order[1] == "new" else "new"
    twilio = TwilioStandin(SID, TOKEN, number=NUMBER, pace=0.05)
    async with twilio, aiohttp.ClientSession() as http:
        center = both.fleet.folder / "center.toml"
        center.write_text(CENTER.format(number=NUMBER, sid=SID, token=TOKEN, url=twilio.url))
        await both.done(first, "migrate")
        await both.done(first, "apply", str(center))
        provider = Provider(http, both.fleet.public_url)
        running = {first: await both.serve(first)}
        both.run(first, "work")
        before = [sms(f"+1415888{n:04d}", f"While the other starts, {n}") for n in range(60)]
        sending = asyncio.create_task(provider.insist_on_all(both.url(first), before, at_once=2, every=0.1))
        running[second] = await both.serve(second)
        both.run(second, "work")
        await asyncio.wait_for(sending, 60)
        assert set(provider.answers) == {200}  # nobody was told to come back
        async with open_core(both.places, pool=2) as core:
            assert await core.db.value("select count(*) from interaction") == len(before)
            await core.db.execute("update queue_entry set state = 'closed', closed_at = now()")
            laid = [await core.db.value(LAID), await core.db.value(ATTACHED)]
            town = await _town(core)
            desk = f"{both.url(second)}/api/v1"
            await town.call(http, "amy", "PUT", f"{desk}/me/presence", {"state": "available"})
            for taken, worked in itertools.product(running, running):
                await _worked(both, town, provider, twilio, taken, worked)
            for version in (first, second, first):  # the leader of the router goes, too
                running[version].kill()
                await provider.insist(both.url(second if version == first else first), sms("+14158880000", "Meanwhile"))
                running[version] = await both.serve(version)
                other = second if version == first else first
                await _worked(both, town, provider, twilio, version, other)
                await _worked(both, town, provider, twilio, other, version)
            assert [await core.db.value(LAID), await core.db.value(ATTACHED)] == laid
            await check_consistency(core.db)
    for program in both.fleet.running:
        assert "Traceback" not in program.said, program.said[-3000:]
