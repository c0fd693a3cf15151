"""What a style sheet inside a mail hides is not shown, and whatever it may not hide is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.email.html import to_text
from hub.messages.hidden import marked
from hub.messages.html import page

SAID = "<p>Hello</p>"


def seen(sheet: str, body: str = '<p class="x" id="i">words</p>') -> bool:
    """Whether the words are seen; in the text as on the page."""
    html = f"<html><head><style>{sheet}</style></head><body>{body}{SAID}</body></html>"
    text, own = to_text(html), page(html).own or ""
    assert "Hello" in text
    assert "words" in own  # it is marked, never cut out
    assert ("words" in text) is ("display:none" not in own)
    return "words" in text


@pytest.mark.parametrize(
    "sheet",
    [
        ".x{display:none}",
        ".x { DISPLAY : None !important; mso-hide:all }",
        "#i{display:none}",
        "p.x{display:none}",
        ".x{visibility:hidden}",
        ".x{font-size:0}",
        ".x{font-size:0.0px;color:#fff}",
        "<!-- .x{display:none} -->",
        "/* preview */ a{color:red} .y,.x{color:red;display:none}",
        "@media (max-width:600px){.y{display:block}} .x{display:none}",
        "@import url('a;{.css'); .x{display:none}",
        ".x{display:block} .x{display:none}",
        "p{display:block} .x{display:none}",
        ".x{display:none!important} #i{display:block}",
    ],
)
def test_what_a_sheet_hides_is_not_seen(sheet: str) -> None:
    assert not seen(sheet)


@pytest.mark.parametrize(
    "sheet",
    [
        "@media print{.x{display:none}}",
        "@media (max-width:600px){.a{color:red} .x{display:none}}",
        "@supports (display:grid){.x{display:none}}",
        ".x{display:none} @media screen{.x{display:block}}",
        ".x{display:none} .x{display:block}",
        ".x{display:none} #i{display:block}",
        ".x{display:none} p{display:block!important}",
        ".x{display:none} .x:unknown-state(3){display:block}",
        ".x{display:none} body > p.x{display:inherit}",
        ".x:hover{display:none}",
        "p:hover{display:block} .x{display:none}",
        ".y .x{display:none}",
        ".x, .a::-ms-thing{display:none}",
        ".x{mso-hide:all}",
        ".x{font-size:0.8em}",
        ".x{content:'} .x{display:none}'}",
        "/* .x{display:none} */",
        ".a{ .x{display:none} }",
        ".x{color:red .y{} .x{display:none}",
        ".y{display:none}",
    ],
)
def test_what_a_sheet_may_not_hide_is_seen(sheet: str) -> None:
    assert seen(sheet)


def test_own_style_of_an_element_shows_it_again() -> None:
    body = '<p class="x" style="display:block">words</p>'
    assert seen(".x{display:none}", body)
    assert not seen(".x{display:none!important}", body)
    assert seen(".x{font-size:0}", '<td class="x"><span style="font-size:14px">words</span></td>')
    assert seen(".x{visibility:hidden}", '<div class="x"><b class="y">words</b></div>')


def test_sheet_of_what_is_quoted_hides_nothing_of_the_answer_above_it() -> None:
    html = '<p class="x">My own words</p><blockquote><style>.x{display:none}</style><p class="x">preview</p>News</blockquote>'
    assert "My own words" in to_text(html)
    assert "preview" not in to_text(html)


@pytest.mark.parametrize("sheet", ["p{display:none}", "body{display:none}", "html{display:none}", "*{display:none}"])
def test_mail_of_which_nothing_would_be_left_is_shown_whole(sheet: str) -> None:
    assert to_text(f"<style>{sheet}</style><body><p>My own words</p></body>") == "My own words"


def test_sheet_for_paper_hides_nothing() -> None:
    assert "words" in to_text(f'<style media="print">.x{{display:none}}</style><p class="x">words</p>{SAID}')


@given(st.text(alphabet=".#x{}:;!@*/'\"\\ <>-n", max_size=60))
def test_no_sheet_breaks_a_mail(sheet: str) -> None:
    html = f"<style>{sheet}</style><p>words</p>"
    assert "words" in to_text(html) or "<" in sheet  # which may end the sheet, or begin another element


@pytest.mark.parametrize("sheet", [".x{display:none}" * 10_000, "{" * 200_000, "/*" * 90_000, "'" * 190_000])
def test_hostile_sheets_cost_little_and_hide_nothing(sheet: str) -> None:
    html = f"<style>{sheet}</style>" + '<p class="x">words</p>' * 5_000
    assert marked(html) is None
