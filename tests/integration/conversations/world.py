"""A center whose people and customers do anything in any order, and what must hold whatever they do."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hub.agents.presence import mark_offline, set_presence
from hub.automation.firing import fire_next
from hub.automation.plans import plan_next
from hub.calls import devices
from hub.calls.handler import Desk
from hub.channels.accounts import Accounts
from hub.channels.calls import CallEvent, CallEventKind
from hub.channels.model import AddressKind, Inbound
from hub.channels.registry import load_connectors
from hub.conversations import actions, counts, invariants, lifecycle
from hub.core import events
from hub.core.clock import now
from hub.core.db import fetch_dicts
from hub.core.errors import HubError
from hub.core.events import Unit
from hub.core.service import Core
from hub.messages import replies
from hub.messages.intake import Intake
from hub.provisioning.apply import apply
from hub.provisioning.model import read
from hub.queues import entries, offers
from hub.reports.buckets import count_next
from routing.model import Pick
from routing.offers import commit
from tests.support.app import CENTER, VARIABLES

# What an agent has weighs nothing exactly while nothing is owed to its customer, where its channel is so.
RESTS_WRONGLY = """
select e.id, e.conversation_id, e.resting from queue_entry e
join conversation v on v.id = e.conversation_id
left join channel_policy p on p.channel = e.channel
where e.state = 'assigned' and v.status = 'open'
  and e.resting <> (v.waiting_since is null and coalesce(p.release_on_silence, false))
"""

# Somebody on the line waits by the entry their call names; and nothing is worked on as a call once it is over.
UNHEARD_CALLS = """
select c.conversation_id, c.state, e.state as entry from call c left join queue_entry e on e.id = c.entry_id
where c.state = 'queued' and c.direction = 'in' and (e.state = 'closed') is not false
union all
select e.conversation_id, null, e.state from queue_entry e
where e.channel = 'voice' and e.state in ('waiting', 'offered', 'assigned')
  and not exists (select from call c where c.entry_id = e.id and c.state <> 'ended')
"""

# Who wrote and was never answered waits, in whatever is open, since the first that nobody answered.
WAITS_WRONGLY = """
select v.id, v.waiting_since, w.since from conversation v
cross join lateral (
    select min(e.at) as since from interaction i join event e on e.conversation_id = v.id and e.conversation_seq = i.seq
    where i.conversation_id = v.id and i.kind = 'message' and i.direction = 'in' and not i.automatic and i.channel <> 'voice' and not e.data ? 'quiet'
      and i.seq > coalesce((select max(o.seq) from interaction o where o.conversation_id = v.id and o.kind = 'message'
                            and o.direction = 'out' and not o.automatic and o.status not in ('cancelled', 'failed')), 0)) w
where v.status = 'open' and w.since is not null and v.waiting_since is null
  and not exists (select from call c where c.conversation_id = v.id and c.answered_at > w.since)
"""

Step = tuple[str, int, int]  # what, who (of the agents or customers), which (of the conversations, offers or queues)
CUSTOMERS = 3
_READY = """
    select e.id, e.channel, e.weight from queue_entry e where e.state = 'waiting' and e.conversation_id = any(%s) order by e.id"""


@dataclass
class World:
    """A center, its agents, and the conversations of today."""

    core: Core
    intake: Intake
    calls: Desk
    agents: list[int]
    queues: list[int]
    accounts: dict[str, int]
    today: list[int] = field(default_factory=list[int])
    day: int = 0
    done: dict[str, int] = field(default_factory=dict[str, int])

    @classmethod
    async def open(cls, core: Core) -> World:
        """The demonstration's center, everybody at their desks."""
        connectors = load_connectors(core)
        await apply(core.db, core.vault, connectors, read(CENTER, VARIABLES))
        rows = await core.db.dicts(
            "select distinct a.id from agent a join agent_queue q on q.agent_id = a.id order by a.id limit 3"
        )
        await core.db.execute(
            "insert into lease (name, holder, epoch, expires_at) values ('router', 'x', 1, 'infinity')"
        )
        queues = await core.db.dicts("select id from queue where archived_at is null order by id limit 3")
        accounts = await core.db.dicts("select channel, min(id) as id from account group by channel")
        known = Accounts(core.db, core.vault, connectors)
        return cls(
            core,
            Intake(core, known, connectors),
            Desk(core, known),
            [row["id"] for row in rows],
            [row["id"] for row in queues],
            {row["channel"]: row["id"] for row in accounts},
        )

    async def live(self, steps: list[list[Step]]) -> None:
        """A day: steps one after another, those of one list at the same time; the rules hold after each."""
        await self._morning()
        for at_once in steps:
            told = await asyncio.gather(*[self._do(step) for step in at_once], return_exceptions=True)
            for error in told:
                if isinstance(error, BaseException) and not isinstance(error, HubError):
                    raise error
            await self._check(at_once)
        await self._count()
        await counts.fold(self.core.db)

    async def _morning(self) -> None:
        while await self.core.db.value("select exists (select from call where state <> 'ended')"):
            await self.hangs_up(0, 0)
        for conversation_id in self.today:
            async with self._unit() as unit:
                await actions.resolve(unit, conversation_id, actor_id=None)
                await entries.close(unit, conversation_id, "resolved")
        self.today, self.day = [], self.day + 1
        await self.core.db.execute("update agent set disabled_at = null")
        for agent in self.agents:
            async with self._unit() as unit:
                await set_presence(unit, agent, "available")
                await devices.put(unit, agent, "browser", None, ready=True)

    def _unit(self) -> Any:
        return events.unit(self.core.db, self.core.feed)

    async def _do(self, step: Step) -> None:
        what, who, which = step
        await getattr(self, what)(who, which)
        self.done[what] = self.done.get(what, 0) + 1  # what was refused does not count

    async def _check(self, steps: list[Step]) -> None:
        async with self.core.db.connection() as conn:
            broken = await invariants.broken(conn)
            wrong = await fetch_dicts(conn, RESTS_WRONGLY) + await fetch_dicts(conn, WAITS_WRONGLY)
        assert not broken, (steps, broken)
        assert not wrong, (steps, wrong)
        silent = await self.core.db.dicts(UNHEARD_CALLS)
        assert not silent, (steps, silent)
        miscounted = await counts.recount(self.core.db)
        assert not miscounted, (steps, miscounted)
        # every customer who waits is seen by somebody who can act: in a list of one of the agents, or snoozed
        hidden = await self.core.db.dicts(
            "select s.id from conversation_summary s where s.id = any(%s) and s.status = 'open' and s.waiting_since is not null "
            "and not (s.agent_id is null and s.entry_state in ('waiting', 'offered')) "
            "and not exists (select from agent a where a.id = s.agent_id and a.disabled_at is null)",
            [self.today],
        )
        assert not hidden, (steps, hidden)

    async def _count(self) -> None:
        """The numbers agree: whoever entered was answered, gave up, flowed out, or has never been answered yet."""
        while await count_next(self.core.db):
            pass
        [counts] = await self.core.db.dicts(
            "select coalesce(sum(entered - answered - abandoned - short_abandoned - flowed_out), 0)::int as open, "
            "(select count(*)::int from queue_entry where state <> 'closed' and answered_at is null) as waiting "
            "from stat_bucket"
        )
        assert counts["open"] == counts["waiting"], counts

    # -- customers --
    async def writes_sms(self, who: int, which: int) -> None:
        await self._writes("sms", AddressKind.PHONE, f"+1415{self.day % 1000:03}{who % CUSTOMERS:04}", which)

    async def writes_mail(self, who: int, which: int) -> None:
        await self._writes("email", AddressKind.EMAIL, f"c{who % CUSTOMERS}.{self.day}@customer.example", which)

    async def _writes(self, channel: str, kind: AddressKind, sender: str, which: int) -> None:
        text = ("Where is my lamp?", "Thanks!", "", "我的灯在哪里？")[which % 4]
        key = f"{self.day}-{self.done.get('writes', 0)}-{id(object())}-{now().timestamp()}"
        hint = self._conversation(which) if channel == "email" and which % 2 and self.today else None
        inbound = Inbound(
            self.accounts[channel], key, text.encode(), "text/plain", kind, sender, text, automatic=which % 7 == 6
        )
        done = await self.intake.message(inbound)
        assert done.conversation_id is not None, hint
        if done.conversation_id not in self.today:
            self.today.append(done.conversation_id)

    async def calls_in(self, who: int, which: int) -> None:
        """A call waits on the line."""
        leg = f"CA{self.day}-{who % CUSTOMERS}-{which}-{now().timestamp()}"
        sender = f"+1415{self.day % 1000:03}{9000 + who % CUSTOMERS}"
        event = CallEvent(self.accounts["voice"], CallEventKind.INCOMING, leg, f"{leg}-in", sender=sender)
        await self.calls.steps(event, "park")
        [call] = await self.core.db.dicts("select conversation_id from call where external_id = %s", [leg])
        if call["conversation_id"] not in self.today:
            self.today.append(call["conversation_id"])

    async def hangs_up(self, _who: int, which: int) -> None:
        """A caller on the line hangs up."""
        rows = await self.core.db.dicts("select external_id from call where state <> 'ended' order by id")
        if rows:
            leg = rows[which % len(rows)]["external_id"]
            ended = CallEvent(
                self.accounts["voice"], CallEventKind.ENDED, leg, f"{leg}-out-{now().timestamp()}", reason="completed"
            )
            await self.calls.event(ended)

    async def telephone_goes(self, who: int, _which: int) -> None:
        await self._with(lambda unit: devices.put(unit, self._agent(who), "browser", None, ready=False))

    async def telephone_is_there(self, who: int, _which: int) -> None:
        await self._with(lambda unit: devices.put(unit, self._agent(who), "browser", None, ready=True))

    async def is_served(self, who: int, which: int) -> None:
        """The usual way of a message, so that days are not all exceptions; its agent may be wrapping up after it."""
        for what in ("writes_sms", "offers", "accepts", "answers", "resolves"):
            with contextlib.suppress(HubError):
                await self._do((what, who, which))

    # -- the router and the clock --
    async def offers(self, who: int, which: int) -> None:
        rows = await self.core.db.dicts(_READY, [self.today])
        if rows:
            entry = rows[which % len(rows)]
            pick = Pick(entry["id"], self._agent(who), entry["channel"], entry["weight"], 0.0, 3600, [], "[]")
            async with self.core.db.transaction() as conn:
                await commit(conn, "router", 1, [pick], {})

    async def wrap_up_is_over(self, _who: int, which: int) -> None:
        conversation, _ = await self._wrap_up(which)
        await self._with(lambda unit: lifecycle.end_wrap_up(unit, conversation, None))

    async def _wrap_up(self, which: int) -> tuple[int, int]:
        rows = await self.core.db.dicts(
            "select conversation_id, agent_id from queue_entry where state = 'wrapping' order by id"
        )
        return (rows[which % len(rows)]["conversation_id"], rows[which % len(rows)]["agent_id"]) if rows else (0, 0)

    async def wakes(self, _who: int, which: int) -> None:
        await self._with(lambda unit: lifecycle.reopen(unit, self._conversation(which), actor_id=None))

    async def closes_by_itself(self, _who: int, which: int) -> None:
        await self._with(lambda unit: actions.resolve(unit, self._conversation(which), actor_id=None))

    async def follow_ups(self, _who: int, _which: int) -> None:
        while await plan_next(self.core.db):
            pass
        await self.core.db.execute("update follow_up set due_at = now() where state = 'scheduled'")
        for _ in range(5):
            if not await fire_next(self.core):
                break

    async def _offer(self, which: int) -> tuple[int, int]:
        rows = await self.core.db.dicts("select id, agent_id from offer where state = 'offered' order by id")
        return (rows[which % len(rows)]["id"], rows[which % len(rows)]["agent_id"]) if rows else (0, 0)

    async def times_out(self, _who: int, which: int) -> None:
        offer, _ = await self._offer(which)
        await self.core.db.execute("update offer set expires_at = clock_timestamp() where id = %s", [offer])
        await self._with(lambda unit: offers.time_out(unit, offer))

    # -- agents --
    async def accepts(self, _who: int, which: int) -> None:
        offer, agent = await self._offer(which)
        await self._with(lambda unit: offers.accept(unit, offer, agent))

    async def declines(self, _who: int, which: int) -> None:
        offer, agent = await self._offer(which)
        await self._with(lambda unit: offers.decline(unit, offer, agent))

    async def takes_offline(self, who: int, which: int) -> None:
        """Who sits at the open desk, offline, takes by hand."""
        agent = self._agent(who)
        await self._with(lambda unit: set_presence(unit, agent, "offline"))
        await self.core.db.execute(
            "update agent_state set connected_until = now() + interval '1 hour' where agent_id = %s", [agent]
        )
        await self.takes(who, which)

    async def takes(self, who: int, which: int) -> None:
        await self._with(lambda unit: entries.pull(unit, self._conversation(which), self._agent(who)))

    async def answers(self, who: int, which: int) -> None:
        reply = replies.Reply("We look into it.", f"r-{now().timestamp()}-{who}-{which}")
        conversation = self._conversation(which)
        await self._with(
            lambda unit: replies.reply(unit, self.core.vault, conversation, reply, actor_id=self._agent(who))
        )

    async def resolves(self, who: int, which: int) -> None:
        await self._with(lambda unit: actions.resolve(unit, self._conversation(which), actor_id=self._agent(who)))

    async def reopens(self, who: int, which: int) -> None:
        await self._with(lambda unit: lifecycle.reopen(unit, self._conversation(which), actor_id=self._agent(who)))

    async def snoozes(self, who: int, which: int) -> None:
        until = now() + timedelta(hours=1)
        await self._with(lambda unit: actions.snooze(unit, self._conversation(which), until, actor_id=self._agent(who)))

    async def releases(self, who: int, which: int) -> None:
        await self._with(lambda unit: entries.release(unit, self._conversation(which), actor_id=self._agent(who)))

    async def hands_to_queue(self, who: int, which: int) -> None:
        target = self.queues[who % len(self.queues)]
        mover = self.agents[which % len(self.agents)]
        await self._with(
            lambda unit: entries.transfer(unit, self._conversation(which), queue_id=target, actor_id=mover)
        )

    async def hands_to_agent(self, who: int, which: int) -> None:
        agent = self._agent(who)
        await self._with(
            lambda unit: entries.transfer(unit, self._conversation(which), agent_id=agent, actor_id=self._agent(which))
        )

    async def ends_wrap_up(self, _who: int, which: int) -> None:
        conversation, agent = await self._wrap_up(which)
        await self._with(lambda unit: actions.end_wrap_up(unit, conversation, agent_id=agent, disposition=None))

    async def goes_away(self, who: int, _which: int) -> None:
        await self._with(lambda unit: set_presence(unit, self._agent(who), "away"))

    async def comes_back(self, who: int, _which: int) -> None:
        await self._with(lambda unit: set_presence(unit, self._agent(who), "available"))

    async def loses_screen(self, who: int, _which: int) -> None:
        await self.core.db.execute(
            "update agent_state set connected_until = now() - interval '1 hour' where agent_id = %s", [self._agent(who)]
        )
        await self._with(lambda unit: mark_offline(unit, self._agent(who)))

    def _agent(self, who: int) -> int:
        return self.agents[who % len(self.agents)]

    def _conversation(self, which: int) -> int:
        return self.today[which % len(self.today)] if self.today else 0

    async def _with(self, work: Callable[[Unit], Awaitable[object]]) -> None:
        async with self._unit() as unit:
            await work(unit)


STEPS = [
    name
    for name, value in vars(World).items()
    if not name.startswith("_") and name not in ("open", "live") and inspect.iscoroutinefunction(value)
]
