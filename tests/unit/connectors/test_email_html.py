"""HTML mail as text: what a reader sees, however deep its words lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.email.html import nesting, to_text
from hub.messages.html import TextOf, page

PIECES = [
    "<div>",
    "</div>",
    "<p>",
    "</p>",
    "<br>",
    "<b>",
    "</B>",
    "x",
    "<TD>",
    "<pre>",
    "</PRE>",
    "< div>",
    "<link>",
    "<o:p>",
]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<div>Hi<br>there</div><div><br></div><div>Second</div>", "Hi\nthere\n\nSecond"),
        ("<ul><li>one</li><li>two</li></ul><ol><li>a</li></ol>", "  • one\n  • two\n  1. a"),
        (
            "<table><tr><td>Total</td><td>12 €</td></tr><tr><td>Sent</td><td>no</td></tr></table>",
            "Total  12 €\nSent  no",
        ),
        ("<pre>a  b\n  c</pre>", "a  b\n  c"),
        ("<p>Le colis n'est <b>pas</b> arrivé.</p><p>包裹<i>没到</i></p>", "Le colis n'est pas arrivé.\n\n包裹没到"),
        ('<div style="display:none">preview</div><p>Hello</p>', "Hello"),
        ('<span style="color:red; DISPLAY: none">preview</span><p hidden>x</p><p>Hello</p>', "Hello"),
        ('<!--[if mso]>Outlook<![endif]--><img src="logo.png" alt="Logo"><p>Hello</p>', "Hello"),
        ("<title>News</title><style>p{}</style><script>x()</script><p>Hello", "Hello"),
        ("<div>a</div><div>&nbsp;</div><div>b</div>", "a\n\nb"),
    ],
)
def test_text_is_what_a_reader_sees(html: str, text: str) -> None:
    assert to_text(html) == text


def test_text_of_what_an_agent_wrote_is_laid_out_alike() -> None:
    assert (
        TextOf("<p>Dear Ann,</p><p>see <a href='https://x.example'>here</a>.</p>")(b"")[0] == "Dear Ann,\n\nsee here."
    )


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_nesting_is_counted_as_by_hand(pieces: list[str]) -> None:
    depth = deepest = 0
    for piece in pieces:
        name = piece.strip("</>").lower()
        if piece[:1] == "<" and name in {"div", "b", "pre", "o:p"}:
            depth = max(0, depth - 1) if piece[1] == "/" else depth + 1
            deepest = max(deepest, depth)
    assert nesting("".join(pieces)) == deepest


@pytest.mark.parametrize("piece", ["<div>", "<b>", "<table><tr><td>", "<ul><li>", "<a href=x>", "<p>a<b>", "<td>a"])
@pytest.mark.parametrize("times", [1_000, 15_000, 200_000])
def test_words_are_found_however_deep_they_lie(piece: str, times: int) -> None:
    assert to_text(piece * times + "found it").endswith("found it")


@pytest.mark.parametrize("style", ["display:none", "visibility:hidden", "opacity:0", "max-height:0;overflow:hidden"])
def test_what_a_mail_hides_stays_hidden_on_its_page(style: str) -> None:
    assert page(f'<div style="{style}">preview</div>').own == f'<div style="{style}">preview</div>'
