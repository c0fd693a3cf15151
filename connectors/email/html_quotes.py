"""Quotes in HTML: where they stand, by the marks of the mail programs that made them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from connectors.email.answers_below import says_below
from connectors.email.context import Context
from connectors.email.html import to_text
from connectors.email.quote_marks import HTML_BEGIN, HTML_BLOCK, HTML_CITED, HTML_REST
from connectors.email.quotes import visible

_MAX_BLOCKS = 60
_QUOTING = re.compile(r"^(?:> ?)+", re.MULTILINE)
_ANSWER = Context()


def html_quotes_marked(html: str, context: Context = _ANSWER, *, whole: str | None = None) -> str:
    """HTML as text in which quoted blocks stand behind `>`, as they would in a plain mail; `whole`: as text, if known.

    What reaches to the end by the mark of a known program (Outlook, NetEase, QQ, Yahoo) is left out, unless nothing
    would be left or the author says that the answers are below. A mail that answers nothing has no quote to mark.
    """
    if whole is None:
        whole = to_text(html)
    if not context.answers:
        return whole
    mark = HTML_REST.search(html, 0, 2_000_000)
    if mark is not None:
        above = to_text(html[: mark.start()])
        if above.strip() and not says_below(above):
            html, whole = html[: mark.start()], above
    blocks = list(HTML_BLOCK.finditer(html))
    cited = any(not block[1] and HTML_CITED.search(block[2]) for block in blocks)
    if not cited or len(blocks) > _MAX_BLOCKS:
        return whole
    marked = "\n".join(_marked(html, blocks))
    # Broken HTML may fall apart differently in pieces; then no word of it may be missing.
    return marked if len(_QUOTING.sub("", marked).split()) >= len(whole.split()) else whole


def own_html_end(html: str, shown: str, context: Context = _ANSWER) -> int | None:
    """Where the author's own HTML ends, if what stands before says exactly what is shown; None if it is not certain."""
    marks = [*islice(HTML_REST.finditer(html), 2), *islice(HTML_BEGIN.finditer(html), 3)]
    for mark in sorted(marks, key=lambda found: found.start()):
        if _same_words(visible(to_text(html[: mark.start()]), context), shown):
            return mark.start()
    return None


def _same_words(one: str, other: str) -> bool:
    return one.split() == other.split()


def _marked(html: str, blocks: list[re.Match[str]]) -> Iterator[str]:
    cited: list[bool] = []
    position = 0
    for block in blocks:
        yield from _prefixed(html[position : block.start()], sum(cited))
        if not block[1]:
            cited.append(bool(HTML_CITED.search(block[2])) or any(cited))
        elif cited:
            cited.pop()
        position = block.end()
    yield from _prefixed(html[position:], sum(cited))


def _prefixed(html: str, depth: int) -> Iterator[str]:
    text = to_text(html)
    if text.strip():
        yield "\n".join([("> " * depth + line).rstrip() for line in text.split("\n")] + [""])
