"""Automatic answers: at most one for a sender in a conversation and a day, and two programs never talk for ever."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.email.accept import receive
from connectors.email.compose import compose
from connectors.email.parse import Envelope
from hub.automation.plans import plan_next
from hub.channels.model import Delivery, DeliveryStatus
from hub.core.clock import now
from hub.messages.delivery import Claimed
from hub.messages.outbox import Outbox
from tests.support.app import App
from workers.followups import run_due

SUPPORT, SHOP = "support@lumen-oak.example", "help@shop.example"


@pytest.fixture
async def closed(app: App) -> App:
    """The center with every queue closed for good, so that it acknowledges whatever comes."""
    await app.core.db.execute("update hours set week = '{}'")
    await plan_next(app.core.db)
    return app


class Post:
    """Mail between the hub and somebody else's ticket system."""

    def __init__(self, app: App):
        self.app = app
        self.core = app.core

    async def arrives(self, raw: str, mail_from: str = SHOP) -> None:
        account = next(a for a in await self.app.context.intake.accounts("email"))
        await receive(self.app.context.intake, self.core.vault, account, raw.encode(), Envelope(mail_from, (SUPPORT,)))

    async def answers(self) -> list[bytes]:
        """What the hub writes by itself now, as mail."""
        while await plan_next(self.core.db):
            pass
        await run_due(self.core)
        rows = await self.core.db.dicts("select * from outbound where state = 'pending' order by id")
        await self.core.db.execute("update outbound set state = 'sent', done_at = now() where state = 'pending'")
        accounts = {a.id: a for a in await self.app.context.intake.accounts("email")}
        made: list[bytes] = []
        for row in rows:
            claim = Claimed(
                row["id"], row["interaction_id"], row["conversation_id"], row["account_id"], 1, row["payload"], now()
            )
            made.append(compose(accounts[row["account_id"]], await Outbox(self.core).outbound(claim)))
        return made

    async def ended(self) -> list[dict[str, Any]]:
        return await self.core.db.dicts(
            "select state, reason from follow_up where kind = 'acknowledgement' order by id"
        )


def mail(number: int, *, headers: str = "", subject: str = "Your request") -> str:
    return f"From: Shop <{SHOP}>\nTo: {SUPPORT}\nSubject: {subject}\nMessage-ID: <{number}@shop.example>\n{headers}\nWe have received your message {number}.\n"


async def test_two_systems_that_answer_each_other_stop_by_themselves(closed: App) -> None:
    post = Post(closed)
    await post.arrives(mail(0))
    sent = 0
    for number in range(1, 12):
        answers = await post.answers()
        sent += len(answers)
        for one in answers:  # the other side acknowledges each with a new mail, without any header that says so
            reference = one.split(b"Message-ID: ")[1].split(b"\r\n")[0].decode()
            await post.arrives(mail(number, headers=f"In-Reply-To: {reference}\n"))
    assert sent == 1


async def test_system_that_opens_a_new_matter_for_each_answer_is_stopped_too(closed: App) -> None:
    post = Post(closed)
    sent, number = 0, 0
    await post.arrives(mail(0))
    for _ in range(12):
        answers = await post.answers()
        sent += len(answers)
        for _ in answers:
            number += 1
            await post.arrives(mail(number, subject=f"Ticket {number} was opened"))
    assert sent == 3
    assert (await post.ended())[-1]["reason"] == "answered automatically within a day"


@pytest.mark.parametrize(
    "headers",
    [
        "Auto-Submitted: auto-replied\n",
        "Precedence: bulk\n",
        "List-Id: <news.shop.example>\n",
        "X-Auto-Response-Suppress: All\n",
        "X-Loop: help@shop.example\n",
        "X-Autoreply: yes\n",
    ],
)
async def test_mail_that_must_not_be_answered_is_not(closed: App, headers: str) -> None:
    post = Post(closed)
    await post.arrives(mail(0, headers=headers))
    assert await post.answers() == []


async def test_null_return_path_is_never_answered(closed: App) -> None:
    post = Post(closed)
    await post.arrives(mail(0), mail_from="")
    assert await post.answers() == []


async def test_own_answer_that_comes_back_is_never_answered(closed: App) -> None:
    post = Post(closed)
    await post.arrives(mail(0))
    [answer] = await post.answers()
    assert b"Auto-Submitted: auto-replied" in answer
    await post.arrives(answer.decode().replace("\r\n", "\n").replace("Message-ID: ", "X-Was: ", 1))
    assert await post.answers() == []


async def test_answer_a_day_later_is_sent_again(closed: App) -> None:
    post = Post(closed)
    await post.arrives(mail(0))
    assert len(await post.answers()) == 1
    await closed.core.db.execute("update interaction set at = at - interval '25 hours'")
    await closed.core.db.execute("update follow_up set key = key || '-yesterday'")
    await post.arrives(mail(1, headers="In-Reply-To: <0@shop.example>\n"))
    assert len(await post.answers()) == 1


async def test_name_is_told_only_to_whom_it_is_proved_to_belong(closed: App) -> None:
    await closed.core.db.execute(
        "insert into template (key, locale, name, body) values ('auto-acknowledgement', 'en', 'x', 'Dear {{contact.name}}!')"
    )
    post = Post(closed)
    await post.arrives(mail(0))
    [answer] = await post.answers()
    assert b"Dear !" in answer
    await closed.core.db.execute("update interaction set verified = true, at = at - interval '25 hours'")
    await closed.core.db.execute("update address set verified_at = now()")
    await closed.core.db.execute("update follow_up set key = key || '-yesterday'")
    await post.arrives(mail(1, headers="In-Reply-To: <0@shop.example>\n"))
    [answer] = await post.answers()
    assert b"Dear Shop!" in answer


async def test_complaint_ends_automatic_mail_and_is_said_once(closed: App) -> None:
    post = Post(closed)
    await post.arrives(mail(0))
    [answer] = await post.answers()
    ours = answer.split(b"Message-ID: ")[1].split(b"\r\n")[0].decode()
    feedback = (
        f"From: feedback@isp.example\nTo: {SUPPORT}\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
        f"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nOriginal-Rcpt-To: {SHOP}\n\n"
        f"--b\nContent-Type: message/rfc822\n\nMessage-ID: {ours}\n\nx\n--b--\n"
    )
    await post.arrives(feedback, mail_from="")
    await closed.context.intake.delivery(Delivery("email", DeliveryStatus.DELIVERED, ours, complaint=True))
    lines = await closed.core.db.dicts("select text from interaction where kind = 'system' and text like '%%as spam%%'")
    assert [row["text"] for row in lines] == [f"{SHOP} reported our message as spam; nothing is sent there any more."]
    await closed.core.db.execute("update interaction set at = at - interval '25 hours'")
    await closed.core.db.execute("update follow_up set key = key || '-yesterday'")
    await post.arrives(mail(2, headers="In-Reply-To: <0@shop.example>\n"))
    assert await post.answers() == []


async def test_complaint_about_a_mail_we_never_sent_changes_nothing(closed: App) -> None:
    await closed.context.intake.delivery(Delivery("email", DeliveryStatus.DELIVERED, "<x@y>", complaint=True))
    assert await closed.core.db.value("select count(*) from address where opted_out_at is not null") == 0
