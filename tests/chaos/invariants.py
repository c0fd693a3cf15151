"""What must be true whatever died when: the record's hot rows carry no foreign keys that would see to it."""

from __future__ import annotations

from typing import Any, LiteralString

from hub.core.db import Database

_ALWAYS: dict[str, LiteralString] = {
    "interaction without conversation": "select i.id from interaction i left join conversation v on v.id = i.conversation_id where v.id is null",
    "interaction without contact": "select i.id from interaction i left join contact c on c.id = i.contact_id where c.id is null",
    "received interaction without its bytes": "select i.id from interaction i left join raw r on r.id = i.raw_id "
    "where i.direction = 'in' and i.channel not in ('voice', 'voicemail') and (r.id is null or r.state <> 'accepted')",
    "accepted bytes that are not exactly one interaction": "select r.id from raw r left join interaction i on i.raw_id = r.id "
    "where r.state = 'accepted' group by r.id having count(i.id) <> 1",
    "conversation without contact": "select v.id from conversation v left join contact c on c.id = v.contact_id where c.id is null",
    "address without contact": "select a.id from address a left join contact c on c.id = a.contact_id where c.id is null",
    "contact without root": "select c.id from contact c left join contact r on r.id = c.root_id where r.id is null",
    "thread to nowhere": "select t.address_id from thread t left join conversation v on v.id = t.conversation_id "
    "left join address a on a.id = t.address_id where v.id is null or a.id is null",
    "entry without conversation or queue": "select e.id from queue_entry e left join conversation v on v.id = e.conversation_id "
    "left join queue q on q.id = e.queue_id where v.id is null or q.id is null",
    "open conversation a customer waits in, without entry": "select v.id from conversation v where v.status = 'open' and v.waiting_since is not null "
    "and not exists (select from queue_entry e where e.conversation_id = v.id)",
    "entry offered or assigned without agent": "select id from queue_entry where state in ('offered', 'assigned') and agent_id is null",
    "offered entry without live offer": "select e.id from queue_entry e left join offer o on o.id = e.offer_id and o.state = 'offered' "
    "where e.state = 'offered' and o.id is null",
    "conversation whose sequence has a gap": "select v.id from conversation v left join event e on e.conversation_id = v.id and e.conversation_seq is not null "
    "group by v.id, v.seq having count(e.id) <> v.seq or coalesce(max(e.conversation_seq), 0) <> v.seq",
    "agent whose sequence has a gap": "select s.agent_id from agent_state s left join event e on e.agent_id = s.agent_id and e.agent_seq is not null "
    "group by s.agent_id, s.seq having count(e.id) <> s.seq or coalesce(max(e.agent_seq), 0) <> s.seq",
    "interaction not exactly once in the log": "select i.id from interaction i left join event e on e.kind = 'interaction.created' "
    "and (e.data ->> 'interaction_id')::bigint = i.id group by i.id having count(e.id) <> 1",
    "event of an interaction that is not there": "select e.id from event e left join interaction i on i.id = (e.data ->> 'interaction_id')::bigint "
    "where e.kind = 'interaction.created' and i.id is null",
    "entry not exactly once in the log": "select q.id from queue_entry q left join event e on e.kind = 'entry.queued' "
    "and (e.data ->> 'entry_id')::bigint = q.id group by q.id having count(e.id) <> 1",
    "send without its interaction": "select o.id from outbound o left join interaction i on i.id = o.interaction_id "
    "where i.id is null or i.direction <> 'out' or i.conversation_id <> o.conversation_id",
    "claim that ran out long ago": "select id from outbound where state in ('claimed', 'wire') and lease_until < now() - interval '30 seconds'",
}


async def broken_rules(db: Database) -> dict[str, list[dict[str, Any]]]:
    """Every broken rule, and the ids that break it."""
    return {what: found for what, query in _ALWAYS.items() if (found := await db.dicts(query))}


async def check_consistency(db: Database) -> None:
    """Fail with every broken rule and the ids that break it."""
    assert await broken_rules(db) == {}
