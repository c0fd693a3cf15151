"""HTML of messages, made safe for an agent's eyes (shown in a sandboxed frame besides).

Scripts, styles, forms, frames and event handlers go; links open elsewhere and never tell where from. It is cleaned
once, when the message comes, in a process that may be lost (`hub.core.sandbox`): what a sender writes can make that
cost seconds. What is stored has a mark in the place of each picture; to show it is one pass over it. Then pictures that
the message carries itself are served by us, and remote ones are left out until somebody asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import unquote

import nh3
from resiliparse.extract.html2text import extract_plain_text  # pyright: ignore[reportMissingModuleSource] - of Rust, its types beside it
from resiliparse.parse.html import HTMLTree  # pyright: ignore[reportMissingModuleSource] - likewise

from hub.channels.model import Page
from hub.core.errors import Invalid
from hub.core.sandbox import preload
from hub.core.texts import clean
from hub.messages import hidden

preload(__name__)
VERSION = 3  # of the rules below: pages cleaned by older ones are cleaned again before they are shown
SECONDS = 1.0
_MAX = 2_000_000  # characters; beyond that only the text is shown
_MAX_PICTURES, _MAX_PLACES = 1000, 5000  # pictures of a page, and places in which they stand
_TAGS = nh3.ALLOWED_TAGS - {"map", "area"} | {"font", "center", "section"}
_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "*": {"style", "dir", "lang", "align", "valign", "bgcolor", "width", "height"},
    "font": {"color", "face", "size"},
    "table": {"border", "cellpadding", "cellspacing", "width", "align", "bgcolor"},
    "td": {"colspan", "rowspan", "width", "height", "align", "valign", "bgcolor"},
    "th": {"colspan", "rowspan", "width", "align", "valign"},
}
_STYLES = {
    "color",
    "background-color",
    "font-weight",
    "font-style",
    "font-size",
    "font-family",
    "text-align",
    "text-decoration",
    "margin",
    "margin-left",
    "margin-top",
    "margin-bottom",
    "margin-right",
    "padding",
    "padding-left",
    "padding-top",
    "padding-bottom",
    "padding-right",
    "border",
    "border-collapse",
    "border-color",
    "border-style",
    "border-width",
    "line-height",
    "width",
    "max-width",
    "height",
    "vertical-align",
    "white-space",
    "list-style-type",
    "display",  # what a mail hides stays hidden, as in every mail program
    "visibility",
    "opacity",
    "max-height",
    "overflow",
}
_REMOTE = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
_MARK = "/picture/"  # no address of ours; a sender's own one never passes, since it is neither `cid:` nor remote
_UNSEEN = ["[hidden]", '[style*="display:none" i]', '[style*="display: none" i]']
_MARKED = re.compile(r' src="/picture/([0-9]{1,4})"')


@dataclass(frozen=True, slots=True)
class Shown:
    """HTML that may be shown; `blocked`: how many pictures from elsewhere were left out of it."""

    html: str
    blocked: int


@dataclass(frozen=True, slots=True)
class Clean:
    """Work for `hub.core.sandbox`: HTML to its page. `own_end`: where what its writer quotes begins, if known."""

    html: str
    own_end: int | None = None

    @property
    def seconds(self) -> float:
        """Of processor time; a newsletter takes some milliseconds."""
        return SECONDS

    def __call__(self, raw: bytes) -> tuple[Page, list[bytes]]:
        """The page; `Invalid` says why there is none."""
        return page(self.html, self.own_end), []


@dataclass(frozen=True, slots=True)
class TextOf:
    """Work for `hub.core.sandbox`: the words of HTML that somebody wrote here, for programs that show none."""

    html: str

    @property
    def seconds(self) -> float:
        """Of processor time."""
        return SECONDS

    def __call__(self, raw: bytes) -> tuple[str, list[bytes]]:
        """The text."""
        return laid_out(self.html).strip(), []


def seen(html: str) -> tuple[str, str]:
    """`html` with what its style sheets hide marked as hidden, and the words left; both empty when they hide nothing.

    They hide nothing either where no word were left.
    """
    tree = hidden.marked(html)
    if tree is None:
        return "", ""
    whole, words = str(tree), laid_out(tree)
    return (whole, words) if words.strip() else ("", "")


def laid_out(html: str | HTMLTree) -> str:
    """The words of HTML as they stand on a page: lines, paragraphs, lists, columns; without what is not to be seen."""
    text = extract_plain_text(html, preserve_formatting=True, list_bullets=True, alt_texts=False, skip_elements=_UNSEEN)
    return text.replace("\t\t", "  ")  # between the cells of a table


def page(html: str, own_end: int | None = None) -> Page:
    """`html` as it is stored, to be shown by `shown`. What it costs is its writer's choice: not for a web process."""
    if len(html) > _MAX or html.count("<") > 60_000:
        raise Invalid("The message's HTML is too large to be shown.", code="message.html")
    pictures: list[str] = []
    own = _cleaned(html[:own_end], pictures)
    whole = None if own_end is None or own_end >= len(html) else _cleaned(html, pictures)
    if len(own) + len(whole or "") > 2 * _MAX:
        raise Invalid("The message's HTML becomes too large when it is cleaned.", code="message.html")
    return Page(own, whole, tuple(pictures))


def _cleaned(html: str, pictures: list[str]) -> str:
    html = clean(html)
    places: dict[str, int] = {name: n for n, name in enumerate(pictures)}
    marked = 0

    def link(tag: str, attribute: str, value: str) -> str | None:
        nonlocal marked
        if tag != "img" or attribute != "src":
            return value
        name = value.strip()
        if name[:4].lower() == "cid:":
            name = f"cid:{name[4:]}"
        if not (_REMOTE.match(name) or name[:4].lower() == "cid:"):
            return None
        marked += 1
        if marked > _MAX_PLACES or (name not in places and len(pictures) >= _MAX_PICTURES):
            return None
        if name not in places:
            places[name] = len(pictures)
            pictures.append(name)
        return f"{_MARK}{places[name]}"

    cleaned = nh3.clean(
        seen(html)[0] or html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=link,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        filter_style_properties=_STYLES,
        link_rel="noopener noreferrer nofollow",
        clean_content_tags={"script", "style", "title", "head"},
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return clean(cleaned)


def shown(
    page: Page | None,
    attachments: Sequence[dict[str, Any]] = (),
    *,
    whole: bool = False,
    remote: bool = False,
    prefix: str = "",
) -> Shown | None:
    """A page as it may be shown; None where there is none.

    `attachments` (id, content_id) turn `cid:` pictures into authenticated links of ours. Pictures from elsewhere tell
    their sender when and where a mail was read, so they come only with `remote`. `whole`: with what the writer quotes.
    `prefix`: the path before ours.
    """
    if page is None or page.own is None:
        return None
    ours = {
        f"cid:{a['content_id']}": f"{prefix}/api/v1/attachments/{a['id']}" for a in attachments if a.get("content_id")
    }
    blocked = 0

    def put(found: re.Match[str]) -> str:
        nonlocal blocked
        number = int(found[1])
        name = page.pictures[number] if number < len(page.pictures) else ""
        own = ours.get(name) or ours.get(unquote(name))
        if own is not None:
            return f' src="{own}"'
        if not _REMOTE.match(name):
            return ""
        blocked += not remote
        return f' src="{escape(name)}"' if remote else ""

    text = page.whole if whole and page.whole is not None else page.own
    return Shown(_MARKED.sub(put, text), blocked)
