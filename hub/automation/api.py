"""The page behind the question how it was: a form that works without scripts. Reading it records nothing."""

from __future__ import annotations

import base64
import hashlib
import html
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs

from aiohttp import web

from hub.automation import ratings
from hub.automation.ratings import MOST_WORDS, Rating
from hub.automation.texts import language
from hub.core import events
from hub.core.bodies import read_body
from hub.core.clock import now
from hub.core.errors import Invalid
from hub.core.texts import clean
from hub.messages import tokens
from hub.web.context import CONTEXT
from hub.web.public import limited

_MOST_BYTES = 16 * 1024  # of a form: a comment of the most words, every character of it written as four bytes
_STYLE = Path(__file__).with_name("rating.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
_PAGE = (
    '<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
    '<style>{style}</style></head><body><main data-testid="rate-{kind}"><h1>{title}</h1>{body}</main></body></html>'
)


@dataclass(frozen=True, slots=True)
class Words:
    """What the page says in one language."""

    lang: str
    question: str
    legend: str
    least: str
    most: str
    comment: str
    send: str
    change: str
    choose: str
    too_long: str
    thanks: str
    kept: str
    looked_at: str
    wrong: str
    copy: str
    over: str
    write: str


_WORDS = {
    "en": Words(
        lang="en",
        question="How satisfied are you with our help?",
        legend="Choose a number",
        least="1 · not at all",
        most="5 · very",
        comment="Anything you want to tell us? (optional)",
        send="Send",
        change="You have answered already; what you send now replaces it.",
        choose="Choose a number from 1 to 5.",
        too_long=f"The comment is too long: at most {MOST_WORDS:,} characters.",
        thanks="Thank you",
        kept="We have noted your answer. You can change it here until {until}.",
        looked_at="We are sorry that it was not better. Somebody will look at it.",
        wrong="This link is not valid",
        copy="Copy it whole from the mail.",
        over="This question is closed",
        write="The time to answer it is over. Write to us if you need anything.",
    ),
    "zh-CN": Words(
        lang="zh-CN",
        question="您对我们的服务满意吗？",
        legend="请选择一个分数",
        least="1 · 很不满意",
        most="5 · 非常满意",
        comment="还有什么想告诉我们的？（选填）",
        send="提交",
        change="您已经评价过；再次提交会替换之前的评价。",
        choose="请选择 1 到 5 中的一个分数。",
        too_long=f"评论太长：最多 {MOST_WORDS:,} 个字符。",
        thanks="谢谢您",
        kept="我们已记录您的评价。{until} 之前您可以在此修改。",
        looked_at="很抱歉没能让您满意，我们会安排人员跟进。",
        wrong="链接无效",
        copy="请从邮件中完整复制链接。",
        over="评价已结束",
        write="评价时间已过。如需帮助，请直接联系我们。",
    ),
}


@dataclass(frozen=True, slots=True)
class _Link:
    """A genuine link: whose conversation, until when, in which words, and what was said before."""

    conversation_id: int
    until: datetime
    words: Words
    before: Rating | None


def rating_routes() -> list[web.RouteDef]:
    """The page, its form, and nothing else: programs that follow links in mail record nothing."""
    return [web.get("/rate/{token}", limited(_show_form)), web.post("/rate/{token}", limited(_receive_form))]


async def _show_form(request: web.Request) -> web.Response:
    link = await _link(request)
    return link if isinstance(link, web.Response) else _form(link, link.before)


async def _receive_form(request: web.Request) -> web.Response:
    link = await _link(request)
    if isinstance(link, web.Response):
        return link
    score, comment = _said(await read_body(request, _MOST_BYTES))
    if score is None:
        return _form(link, Rating(0, comment), wrong=link.words.choose)
    if len(comment) > MOST_WORDS:
        return _form(link, Rating(score, comment), wrong=link.words.too_long)
    core = request.app[CONTEXT].core
    async with events.unit(core.db, core.feed) as unit:
        await ratings.take_page(unit, link.conversation_id, score, comment)
    words = link.words
    kept = words.kept.format(until=f"{link.until:%Y-%m-%d %H:%M} UTC")
    also = f"<p>{words.looked_at}</p>" if score < ratings.CONTENT else ""
    return _page("thanks", words, words.thanks, f"{also}<p>{kept}</p>")


async def _link(request: web.Request) -> _Link | web.Response:
    """What the link names; or the page that says what is wrong with it."""
    core = request.app[CONTEXT].core
    found = tokens.rating_of(core.vault, request.match_info["token"])
    if found is None:
        both = " · ".join(words.wrong for words in _WORDS.values())
        return _page("wrong", _WORDS["en"], both, "".join(f"<p>{w.copy}</p>" for w in _WORDS.values()), status=404)
    conversation_id, until = found
    asked = await ratings.asked(core.db, conversation_id)
    words = _WORDS[language(asked.locale if asked else "en")]
    if asked is None or until <= now():
        return _page("over", words, words.over, f"<p>{words.write}</p>", status=410)
    return _Link(conversation_id, until, words, asked.rating)


def _said(body: bytes) -> tuple[int | None, str]:
    """The score, if it is one, and the comment of a posted form."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=10, encoding="utf-8", errors="replace")
    except (UnicodeDecodeError, ValueError):
        raise Invalid("The form cannot be read.", remedy="Open the link again.") from None
    score = fields.get("score", [""])[0]
    comment = clean(fields.get("comment", [""])[0].replace("\r\n", "\n")).strip()
    return (int(score) if score in {"1", "2", "3", "4", "5"} else None), comment


def _form(link: _Link, shown: Rating | None, *, wrong: str = "") -> web.Response:
    """The question, with what was said before; or with what is `wrong` about what was sent."""
    words = link.words
    chosen, comment = (shown.score, shown.comment) if shown else (0, "")
    scores = "".join(
        f'<label class="score"><input type="radio" name="score" value="{n}" required'
        f"{' checked' if n == chosen else ''}>{n}</label>"
        for n in range(1, 6)
    )
    said = f'<p class="wrong" role="alert">{wrong}</p>' if wrong else ""
    if link.before is not None and not wrong:
        said = f'<p class="mut">{words.change}</p>'
    form = (
        f'<form method="post">{said}<fieldset><legend>{words.legend}</legend>{scores}</fieldset>'
        f'<div class="ends mut"><span>{words.least}</span><span>{words.most}</span></div>'
        f'<label>{words.comment}<textarea name="comment" maxlength="{MOST_WORDS}">\n{html.escape(comment)}</textarea>'
        f"</label><button>{words.send}</button></form>"
    )
    return _page("form", words, words.question, form, status=400 if wrong else 200)


def _page(kind: str, words: Words, title: str, body: str, *, status: int = 200) -> web.Response:
    text = _PAGE.format(lang=words.lang, title=html.escape(title), style=_STYLE, kind=kind, body=body)
    return web.Response(text=text, content_type="text/html", charset="utf-8", status=status, headers=_HEADERS)
