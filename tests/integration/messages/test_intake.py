"""Intake: one interaction per accepted message, whatever happens around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import orjson
import pytest
from pydantic import BaseModel

import hub.messages.quarantine
from hub.channels.accounts import Accounts
from hub.channels.model import AddressKind, Attachment, Capabilities, Delivery, DeliveryStatus, Inbound, RemoteFile
from hub.core.service import Core
from hub.messages import tokens, views
from hub.messages.intake import Intake
from hub.messages.quarantine import Quarantine


class _NoSettings(BaseModel):
    pass


class Fake:
    """A connector without a wire."""

    name: ClassVar[str] = "fake"
    channels: ClassVar[tuple[str, ...]] = ("sms", "email")
    Settings: ClassVar[type[BaseModel]] = _NoSettings

    def capabilities(self, channel: str) -> Capabilities:
        return Capabilities(session=channel != "email")

    def translate(self, account: Any, raw: bytes, raw_type: str, meta: dict[str, Any]) -> Inbound:
        return sms(account.id, "translated", raw.decode())


def sms(account: int, key: str, text: str = "Hello", sender: str = "+14155550100", **more: Any) -> Inbound:
    fields = {"address_kind": AddressKind.PHONE, "address": sender, "text": text, **more}
    return Inbound(
        account_id=account, dedup_key=key, raw=text.encode("utf-8", "replace"), raw_type="text/plain", **fields
    )


def mail(account: int, key: str, sender: str = "ana@example.com", **more: Any) -> Inbound:
    return replace(sms(account, key, **more), address_kind=AddressKind.EMAIL, address=sender)


class Desk:
    """An intake on a database with one queue, two accounts and one agent."""

    def __init__(self, core: Core):
        self.core = core
        connectors: Any = {"fake": Fake()}
        self.accounts = Accounts(core.db, core.vault, connectors)
        self.intake = Intake(core, self.accounts, connectors)
        self.quarantine = Quarantine(core, self.intake, self.accounts, connectors)

    async def prepare(self) -> None:
        db = self.core.db
        await db.execute("insert into queue (key, name) values ('support', 'Support')")
        await db.execute(
            "insert into account (key, connector, channel, name, queue_id) values "
            "('sms', 'fake', 'sms', 'SMS', 1), ('mail', 'fake', 'email', 'Mail', 1)"
        )
        await db.execute("insert into agent (email, name) values ('amy@example.com', 'Amy')")
        await db.execute("insert into agent_state (agent_id) values (1)")

    async def count(self, what: str) -> int:
        counts = await self.core.db.dicts(
            "select (select count(*) from interaction) as interaction, (select count(*) from contact) as contact, "
            "(select count(*) from conversation) as conversation, (select count(*) from queue_entry) as entry, "
            "(select count(*) from raw where state = 'quarantined') as quarantined, (select count(*) from event) as event"
        )
        return counts[0][what]


@pytest.fixture
async def desk(core: Core) -> AsyncGenerator[Desk]:
    desk = Desk(core)
    await desk.prepare()
    yield desk
    await desk.intake.close()


async def test_a_first_message_makes_contact_conversation_and_entry(desk: Desk) -> None:
    done = await desk.intake.message(sms(1, "SM1", name="Ana"))
    assert not done.duplicate
    assert done.seq == 1
    assert [await desk.count(w) for w in ("contact", "conversation", "interaction", "entry", "event")] == [
        1,
        1,
        1,
        1,
        2,
    ]


async def test_what_comes_to_an_account_without_a_queue_waits_in_the_first_one_in_use(desk: Desk) -> None:
    await desk.core.db.execute("insert into queue (key, name) values ('sales', 'Sales')")
    await desk.core.db.execute("update queue set archived_at = now() where key = 'support'")
    await desk.core.db.execute("update account set queue_id = null")
    await asyncio.gather(*[desk.intake.message(sms(1, f"SM{n}", sender=f"+1415555{n:04}")) for n in range(3)])
    assert await desk.core.db.value("select array_agg(distinct queue_id) from queue_entry where state = 'waiting'") == [
        2
    ]
    assert await desk.core.db.value("select array_agg(distinct queue_id) from conversation") == [2]


async def test_the_same_key_again_changes_nothing(desk: Desk) -> None:
    first = await desk.intake.message(sms(1, "SM1"))
    again = await asyncio.gather(*[desk.intake.message(sms(1, "SM1")) for _ in range(50)])
    assert all(a.duplicate and a.interaction_id == first.interaction_id for a in again)
    assert await desk.count("interaction") == 1


class _Odd:
    def __str__(self) -> str:
        raise RuntimeError("not even a name")


@pytest.mark.parametrize(
    "odd",
    [
        {"meta": {"n": 2**70}},
        {"meta": {"x": _Odd()}},
        {"name": "\ud800" * 300},
        {"media": (RemoteFile("https://x.example/\ud800" + "x" * 5000, "\ud800"),)},
        {"attachments": (Attachment("\ud800\x00" * 400, "text/plain" * 90, b"x", "地" * 3000),)},
        {"references": ("<" + "地" * 2900 + ">",) * 60},
        {"external_id": "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(3000))},
        {"sent_at": datetime.max.replace(tzinfo=UTC)},
        {"locale": "x" * 100_000},
        {"number": "+" + "9" * 5000},
        {"tokens": ("c" + "9" * 400 + "-aaaaaaaaaaaaaaaa", "c999999999999999999-aaaaaaaaaaaaaaaa")},
    ],
    ids=lambda odd: next(iter(odd)),
)
async def test_odd_message_is_stored_or_in_quarantine_and_its_neighbours_are_stored(
    desk: Desk, odd: dict[str, Any]
) -> None:
    done = await asyncio.gather(
        *[desk.intake.message(sms(1, f"SM{n}", sender=f"+1415555{n:04}", **(odd if n == 3 else {}))) for n in range(6)]
    )
    assert [bool(d.raw_id) for n, d in enumerate(done) if n != 3] == [True] * 5
    assert await desk.count("interaction") + await desk.count("quarantined") == 6
    assert not (await desk.intake.message(sms(1, "after"))).duplicate


async def test_quarantine_takes_whatever_it_is_given(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.messages.quarantine, "MOST_BYTES", 1000)
    poison = {"connector": "fake", "account_id": 1, "raw_type": "地" * 9000, "reason": "\x00\ud800" * 4000}
    long = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(3000))
    for n in range(2):  # the same key again changes nothing
        await desk.intake.quarantine(**poison, dedup_key=long, raw=b"x" * 1001, meta={"deep": [n] * 90_000})
    await desk.intake.quarantine(**poison, dedup_key="\x00", raw=b"", meta={"x": _Odd()})
    rows = await desk.core.db.dicts(
        "select octet_length(body) as size, reason from raw where state = 'quarantined' order by id"
    )
    assert [row["size"] for row in rows] == [1000, 0]
    assert await desk.quarantine.listed()


async def test_delivery_report_that_cannot_be_recorded_is_kept_and_stops_nothing(desk: Desk) -> None:
    report = Delivery("fake", DeliveryStatus.DELIVERED, "\ud800" + "地" * 3000, outbound_id=2**70, error="\x00")
    await desk.intake.delivery(report)
    await desk.intake.delivery(Delivery("fake", DeliveryStatus.FAILED, "地" * 3000, error="\ud800"))
    assert await desk.count("quarantined") == 1
    assert await desk.core.db.value("select count(*) from delivery") == 1


async def test_fifty_copies_at_once_are_one(desk: Desk) -> None:
    done = await asyncio.gather(*[desk.intake.message(sms(1, "SM1")) for _ in range(50)])
    assert sum(not d.duplicate for d in done) == 1
    assert await desk.count("interaction") == 1


async def test_twenty_messages_of_a_new_person_at_once_are_one_conversation(desk: Desk) -> None:
    others = Desk(desk.core)  # a second process
    await asyncio.gather(*[(desk if n % 2 else others).intake.message(sms(1, f"SM{n}")) for n in range(20)])
    assert [await desk.count(w) for w in ("contact", "conversation", "interaction", "entry")] == [1, 1, 20, 1]
    seqs = await desk.core.db.dicts("select seq from interaction order by seq")
    assert [s["seq"] for s in seqs] == list(range(1, 21))


async def test_mails_of_one_person_without_headers_are_separate_matters(desk: Desk) -> None:
    await asyncio.gather(*[desk.intake.message(mail(2, f"m{n}")) for n in range(3)])
    assert [await desk.count(w) for w in ("contact", "conversation", "entry")] == [1, 3, 3]


async def test_a_reply_follows_its_reference_even_in_the_same_batch(desk: Desk) -> None:
    first = mail(2, "m1", external_id="<1@example.com>")
    reply = mail(2, "m2", external_id="<2@example.com>", references=("<1@example.com>",))
    one, two = await asyncio.gather(desk.intake.message(first), desk.intake.message(reply))
    assert one.conversation_id == two.conversation_id
    assert two.seq == 2


async def test_a_stranger_cannot_join_by_guessing_a_reference(desk: Desk) -> None:
    mine = await desk.intake.message(mail(2, "m1", external_id="<1@example.com>"))
    theirs = await desk.intake.message(mail(2, "m2", sender="eve@example.net", references=("<1@example.com>",)))
    assert mine.conversation_id != theirs.conversation_id


async def test_a_signed_reply_address_threads_and_a_forged_one_does_not(desk: Desk) -> None:
    first = await desk.intake.message(mail(2, "m1"))
    assert first.conversation_id is not None
    token = tokens.reply_token(desk.core.vault, first.conversation_id)
    reply = await desk.intake.message(
        mail(2, "m2", sender="ana@work.example", tokens=(f"support+{token}@example.com",))
    )
    forged = await desk.intake.message(
        mail(2, "m3", sender="eve@example.net", tokens=(f"c{first.conversation_id}-{'a' * 16}",))
    )
    assert reply.conversation_id == first.conversation_id
    assert forged.conversation_id != first.conversation_id


async def test_a_poisonous_message_harms_no_neighbour_and_is_kept(desk: Desk) -> None:
    poison = sms(1, "bad", sent_at="not a time")
    done = await asyncio.gather(
        *[desk.intake.message(sms(1, f"SM{n}")) for n in range(20)], desk.intake.message(poison)
    )
    assert all(d.interaction_id for d in done[:20])
    assert await desk.count("interaction") == 20
    held = await desk.quarantine.listed()
    assert len(held) == 1
    assert "could not be stored" in (held[0].reason or "")


async def test_quarantine_replays_once(desk: Desk) -> None:
    await desk.intake.quarantine(
        connector="fake", account_id=1, dedup_key="x", raw=b"hi", raw_type="text/plain", reason="broken"
    )
    [held] = await desk.quarantine.listed()
    done = await desk.quarantine.replay(held.id)
    assert done.interaction_id
    assert await desk.quarantine.listed() == []
    with pytest.raises(Exception, match="nothing in quarantine"):
        await desk.quarantine.replay(held.id)
    assert await desk.count("interaction") == 1


@pytest.mark.parametrize(
    "text", ["\x00nul", "\ud800lone", "你好，退款还没收到", "\u202eright to left", "x" * 1_000_000, ""]
)
async def test_any_text_is_stored(desk: Desk, text: str) -> None:
    done = await desk.intake.message(sms(1, f"k{len(text)}{text[:3]!r}", text))
    assert done.interaction_id
    assert await desk.count("quarantined") == 0


@pytest.mark.parametrize(("text", "placeholder"), [("Hello", None), ("", "sticker"), (" ", "hologram"), ("", None)])
async def test_the_inline_frame_equals_the_stored_view(desk: Desk, text: str, placeholder: str | None) -> None:
    pubsub = desk.core.feed.redis.pubsub(ignore_subscribe_messages=True)
    await pubsub.psubscribe("t:c:*")
    await desk.intake.message(sms(1, "SM1", name="Ana 陳"))  # it opens the conversation: nobody can be listening yet
    done = await desk.intake.message(replace(sms(1, "SM2", text, name="Ana 陳"), placeholder=placeholder))
    assert done.interaction_id
    heard = None
    async with asyncio.timeout(10):
        while heard is None:
            heard = await pubsub.get_message(ignore_subscribe_messages=True, timeout=1)
    stored = (await views.interactions(desk.core.db, [done.interaction_id]))[done.interaction_id]
    expected = orjson.loads(orjson.dumps(stored, option=orjson.OPT_UTC_Z))
    inline = orjson.loads(heard["data"])["view"]["interaction"]
    assert {**inline, "at": None} == {**expected, "at": None}
    await pubsub.aclose()


async def test_a_message_without_words_is_said_by_code_until_another_follows(desk: Desk) -> None:
    for number, text, placeholder, code in (
        ("SM1", "", "sticker", "unsaid.sticker"), ("SM2", "Hello", None, None), ("SM3", "", "hologram", "unsaid.unknown"),
        ("SM4", "(A sticker)", None, None),
    ):  # fmt: skip
        done = await desk.intake.message(replace(sms(1, number, text), placeholder=placeholder))
        assert done.conversation_id
        shown = (await views.summaries(desk.core.db, [done.conversation_id]))[done.conversation_id]
        assert (shown["said"] and shown["said"]["code"]) == code
        assert shown["preview"].strip()


async def test_a_message_to_a_resolved_conversation_reopens_it(desk: Desk) -> None:
    first = await desk.intake.message(sms(1, "SM1"))
    await desk.core.db.execute("update conversation set status = 'resolved', resolved_at = now(), agent_id = 1")
    await desk.core.db.execute("update queue_entry set state = 'closed'")
    second = await desk.intake.message(sms(1, "SM2"))
    assert second.conversation_id == first.conversation_id
    [row] = await desk.core.db.dicts(
        "select v.status, v.reopened, v.agent_id, e.sticky_agent_id from conversation v join queue_entry e on e.conversation_id = v.id "
        "where e.state = 'waiting'"
    )
    assert row == {"status": "open", "reopened": 1, "agent_id": None, "sticky_agent_id": 1}


async def test_automatic_mail_neither_reopens_nor_queues(desk: Desk) -> None:
    await desk.intake.message(mail(2, "m1", automatic=True))
    assert await desk.count("interaction") == 1
    assert await desk.count("entry") == 0


async def test_the_agent_on_it_hears_of_every_message(desk: Desk) -> None:
    await desk.intake.message(sms(1, "SM1"))
    await desk.core.db.execute("update conversation set agent_id = 1")
    await desk.core.db.execute("update queue_entry set state = 'assigned', agent_id = 1")
    await asyncio.gather(*[desk.intake.message(sms(1, f"S{n}")) for n in range(5)])
    rows = await desk.core.db.dicts("select agent_seq from event where agent_id = 1 order by agent_seq")
    assert [r["agent_seq"] for r in rows] == list(range(1, len(rows) + 1))
    assert rows
