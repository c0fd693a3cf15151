"""Answers that a customer writes into the lines they quote are told from ours by what we really wrote."""

from __future__ import annotations

import pytest

from hub.messages.mail.written_between import adds
from tests.integration.messages.test_mail_in import ANN, arrives
from tests.support.app import App

OURS = "Shall we come on Monday?\n\nWhich leg wobbles, the left one?\n\nKind regards\nAmy Chen"
MARKED = "On Mon, 30 Nov 2026 at 20:44, Support <support@lumen-oak.example> wrote:\n"
OUTLOOK = (
    "________________________________\nFrom: Support <support@lumen-oak.example>\nSent: Monday, November 30, 2026 8:44 PM\n"
    f"To: Ann <{ANN}>\nSubject: Table\n\n"
)


async def answer(app: App, text: str, headers: str = "Content-Type: text/plain; charset=utf-8") -> str:
    """What is shown of a customer's answer to our mail."""
    first = await arrives(app, f"From: Ann <{ANN}>\nMessage-ID: <q@customer.example>\nSubject: Table\n\nIt wobbles.\n")
    amy = await app.agent("amy")
    number = first["conversation_id"]
    await amy.post(f"/conversations/{number}/replies", {"client_id": "a", "text": OURS})
    await app.core.db.execute("update interaction set external_id = '<ours@hub.example>' where direction = 'out'")
    found = await arrives(
        app, f"From: Ann <{ANN}>\nIn-Reply-To: <ours@hub.example>\nSubject: Re: Table\n{headers}\n\n{text}\n"
    )
    assert found["conversation_id"] == number
    assert "quoted" not in found["meta"]
    return found["text"]


def quoting(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


@pytest.mark.parametrize(
    "text",
    [
        f"Yes.\n\n{MARKED}{quoting(OURS.replace('Monday?', 'Monday? - NO, the 5th please'))}",
        f"Yes.\n\n{MARKED}{quoting(OURS.replace('left one?', 'left one? Hind, rather'))}",
        f"See within.\n\n{OUTLOOK}{OURS.replace('Monday?', 'Monday?' + chr(10) + 'Not before noon')}",
        f"Yes.\n\n{OUTLOOK}{OURS.replace('Monday?', 'Monday?' + chr(10) + '可以，下午三点')}",
    ],
)
async def test_what_is_written_into_a_quote_of_ours_is_shown(app: App, text: str) -> None:
    assert await answer(app, text) == text


async def test_so_it_is_in_html(app: App) -> None:
    html = (
        "<p>See below</p><div id=divRplyFwdMsg><b>From:</b> Support &lt;support@lumen-oak.example&gt;<br><b>Sent:</b> "
        "Monday, November 30, 2026 8:44 PM<br><b>To:</b> Ann<br><b>Subject:</b> Table</div><p>Shall we come on Monday?</p>"
        "<p style='color:#c00'>Tuesday suits better</p><p>Which leg wobbles, the left one?</p><p>Kind regards<br>Amy Chen</p>"
    )
    assert "Tuesday suits better" in await answer(app, html, "Content-Type: text/html; charset=utf-8")


@pytest.mark.parametrize(
    "text",
    [
        f"Yes.\n\n{MARKED}{quoting(OURS)}",
        f"Yes.\n\n{MARKED}> Shall we come on\n> Monday?\n>\n> [image: logo]\n>\n> > It wobbles.",
        f"Yes.\n\n{OUTLOOK}[CAUTION] This email originated from outside of your organization.\n\n{OURS}\n\nhttps://x.example/a\n"
        f"\nFrom: Ann <{ANN}>\nSent: Monday\nTo: Support\nSubject: Table\n\nIt wobbles.",
    ],
)
async def test_quote_that_says_what_was_said_stays_folded(app: App, text: str) -> None:
    assert await answer(app, text) == "Yes."


def test_words_are_compared_in_any_script_and_one_alone_in_a_long_line_proves_nothing() -> None:
    assert not adds("> 您想退款吗", ["您想退款吗？请告诉我们。"])
    assert adds("> 您想退款吗 不要", ["您想退款吗？请告诉我们。"])
    assert not adds("> Shall we come on Monday there", ["Shall we come on Monday"])
    assert adds("> no", ["Shall we come on Monday"])
    assert not adds(f"> {'x ' * 30_000}", ["x"])
