"""What a customer wrote into the lines that they quote: changed ones, and answers between them without a mark.

A reader of mail sees one mail, and takes a quoted line for ours. The hub has what was said in the matter: a quoted line
that says what nobody said there is the customer's own. Then the whole mail is shown, since such answers cannot be read
without the questions. Where the mail that is answered is not here, nothing is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from hub.channels.model import Inbound
from hub.core.db import Database
from hub.core.sql import Queries

sql = Queries.beside(__file__, "written_between.sql")
_LINES, _LENGTH = 400, 20_000  # of a quote that is compared
_WORD = re.compile(r"[^\W\d_]+|\d+(?:[.,:/-]\d+)*")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u0e00-\u0e7f]")  # written without blanks: by characters
_OF_ADDRESSES = ("@", "://", "www.")
# What programs add to lines on their way: warnings, the names of pictures, who sent what when.
_ADDED = re.compile(
    r"^\s*[\[<(].*[\])>]\s*$|\b(?:caution|external|originat\w+|safelinks|unsubscribe)\b"
    r"|^\s*[^\s:：]{1,20}(?: [^\s:：]{1,20})?\s?[:：]\s*\S*@",
    re.IGNORECASE,
)


async def shown(db: Database, inbound: Inbound) -> Inbound:
    """The mail with its whole text where its quote holds words that are not in what it answers; else unchanged.

    `meta.quoted` is the quote as its reader found it, and is not kept.
    """
    quoted = inbound.meta.get("quoted")
    if not isinstance(quoted, str):
        return inbound
    inbound = replace(inbound, meta={key: value for key, value in inbound.meta.items() if key != "quoted"})
    whole = inbound.meta.get("full_text")
    if not isinstance(whole, str) or not inbound.references:
        return inbound
    said = await db.dicts(sql["said"], {"references": list(inbound.references)})
    if not said:
        return inbound
    known = [str(text) for row in said for text in row.values() if text]
    if not adds(quoted, [*known, inbound.subject, inbound.name, inbound.text[:_LENGTH]]):
        return inbound
    meta = {key: value for key, value in inbound.meta.items() if key not in ("full_text", "html_own_end")}
    page = inbound.page
    if page is not None and page.whole is not None:
        page = replace(page, own=page.whole, whole=None)
    return replace(inbound, text=whole, meta=meta, page=page)


def adds(quoted: str, said: Iterable[str]) -> bool:
    """Whether a line of a quote says what none of the texts does.

    Two words that stand in none, or one that is half of its line; one alone may be a program's doing.
    """
    known = {word for text in said for word in _words(text)}
    for line in quoted[:_LENGTH].split("\n")[:_LINES]:
        words = _words(" ".join(one for one in line.split() if not any(sign in one for sign in _OF_ADDRESSES)))
        new = [word for word in words if word not in known]
        if new and (len(new) > 1 or len(words) <= 2) and not _ADDED.search(line.lstrip("> \t|")):
            return True
    return False


def _words(text: str) -> list[str]:
    found = _WORD.findall(text.casefold())
    return [piece for word in found for piece in (word if _CJK.search(word) else [word])]
