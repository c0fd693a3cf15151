"""What desks ask of a hub with years in it, by role: the requests that `make bench-full` measures and the tests count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from hub.core.clock import now
from hub.core.db import Database

IDLE, BUSY, SUPERVISOR, ADMIN = "ben", "amy", "eva", "admin"  # an agent with an empty desk, one with a full one


@dataclass(frozen=True, slots=True)
class Ask:
    """A GET under /api/v1. `wanted`: milliseconds (p95, warm) at a million conversations."""

    name: str
    path: str
    roles: tuple[str, ...]
    wanted: float


_EVERYBODY = (IDLE, BUSY, SUPERVISOR, ADMIN)
_SUPERVISORS = (SUPERVISOR, ADMIN)


def _list(name: str, wanted: float = 50, **query: object) -> Ask:
    return Ask(name, f"/conversations?{urlencode({**query, 'limit': 50})}", _EVERYBODY, wanted)


async def asks(db: Database) -> list[Ask]:
    """The requests, with ids and words of what is there."""
    [there] = await db.dicts("""
        select (select v.id from conversation v where v.status = 'open' and v.agent_id is not null order by v.id desc limit 1) as conversation,
               (select min(contact_id) from conversation) as any_contact,
               (select c.id from contact c order by c.id desc limit 1) as contact,
               (select queue_id from conversation where agent_id = (select id from agent where email like 'amy@%%')
                order by id desc limit 1) as queue,
               (select max(id) from event) as event
    """, {})  # fmt: skip
    [person] = await db.dicts(
        """select c.name, (select a.value from address a where a.contact_id = c.id and a.kind = 'email' limit 1) as mail,
                  (select a.value from address a where a.contact_id = c.id and a.kind = 'phone' limit 1) as phone
           from contact c where c.name <> '' and c.id %% 12 = 3 order by c.id desc limit 1""", {}
    )  # fmt: skip
    faithful = (await db.dicts("select min(id) as id from contact"))[0]["id"]
    year = now() - timedelta(days=365)
    month = {"since": (now() - timedelta(days=30)).isoformat(), "until": now().isoformat()}
    return [
        *[_list(f"inbox {view}", view=view) for view in ("mine", "waiting", "snoozed", "resolved", "all")],
        *[_list(f"inbox {view}, a channel", view=view, channel="chat") for view in ("mine", "waiting", "resolved", "all")],
        _list("inbox all, a rare channel", view="all", channel="voicemail"),
        _list("inbox all, a queue", view="all", queue_id=there["queue"]),
        Ask("counts", "/conversations/counts", _EVERYBODY, 20),
        Ask("a conversation", f"/conversations/{there['conversation']}", (ADMIN,), 50),
        Ask("contact panel", f"/contacts/{there['contact']}", _EVERYBODY, 20),
        Ask("contact panel of the faithful", f"/contacts/{faithful}", _EVERYBODY, 20),
        Ask("timeline of the faithful", f"/contacts/{faithful}/timeline", _EVERYBODY, 60),
        Ask("timeline of the faithful, a channel", f"/contacts/{faithful}/timeline?channel=chat", _EVERYBODY, 60),
        Ask("contacts, first page", "/contacts", _EVERYBODY, 50),
        *[
            Ask(f"search contacts by {name}", f"/contacts?{urlencode({'q': q})}", (BUSY, ADMIN), 50)
            for name, q in (
                ("name", person["name"]), ("first name", person["name"].split()[0]), ("Chinese", "欧阳"), ("e-mail", person["mail"]),
                ("phone", (person["phone"] or "+14155550100")[-7:]), ("nothing there", "qqqxyzzy"),
            )
        ],
        *[
            _list(f"search conversations by {name}", 100, view="all", q=q)
            for name, q in (
                ("a frequent word", "invoice"), ("a word's beginning", "ref"), ("two words", "refund lamp"), ("a row of words", '"the lamp"'),
                ("Chinese", "发票"), ("e-mail", person["mail"]), ("phone", person["phone"] or "+14155550100"),
                ("the end of a phone", (person["phone"] or "+14155550100")[-7:]), ("name", person["name"]), ("first name", person["name"].split()[0]),
                ("nothing there", "qqqxyzzy"),
            )
        ],
        _list("search conversations by a frequent word of last year", 100, view="all", q="invoice", until=year.isoformat()),
        _list("search conversations by a frequent word, a channel", 100, view="all", q="invoice", channel="chat"),
        _list("search conversations by a frequent word, in German", 100, view="all", q="lampe", language="de"),
        Ask("events from the beginning", "/events?limit=100", _SUPERVISORS, 50),
        Ask("events from the middle", f"/events?limit=100&cursor={there['event'] // 2}", _SUPERVISORS, 50),
        Ask("events, the latest", f"/events?limit=100&cursor={there['event'] - 50}", _SUPERVISORS, 50),
        Ask("report of 30 days by quarters", f"/reports/queues?{urlencode(month)}", _SUPERVISORS, 300),
        Ask("report of 30 days by days", f"/reports/queues?{urlencode({**month, 'seconds': 86400})}", _SUPERVISORS, 300),
        Ask("report of ratings", f"/reports/ratings?{urlencode(month)}", _SUPERVISORS, 300),
        Ask("queues", "/queues", _EVERYBODY, 50),
        Ask("board", "/board", (ADMIN,), 50),
        Ask("offers", "/me/offers", (IDLE, BUSY), 20),
    ]  # fmt: skip
