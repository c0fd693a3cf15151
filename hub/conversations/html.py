"""HTML mail, made safe for an agent's eyes (shown in a sandboxed frame besides).

Scripts, styles, forms, frames and event handlers go; links open elsewhere and never tell where from; images the
mail carries itself are served by us, remote ones are left out until somebody asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import nh3

_MAX = 2_000_000  # characters; beyond that only the text is shown
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
}


_REMOTE = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Shown:
    """HTML that may be shown; `blocked`: how many pictures from elsewhere were left out of it."""

    html: str
    blocked: int


def clean(html: str | None, attachments: Sequence[dict[str, Any]] = (), *, remote: bool = False) -> Shown | None:
    """`html` as it may be shown; None stays None, and what is too large to clean is not shown at all.

    `attachments` (id, content_id) turn `cid:` images into authenticated links of ours. Pictures from elsewhere tell
    their sender when and where a mail was read, so they come only with `remote`.
    """
    if html is None or len(html) > _MAX or html.count("<") > 60_000:
        return None
    ours = {f"cid:{a['content_id']}": f"/api/v1/attachments/{a['id']}" for a in attachments if a.get("content_id")}
    blocked = 0

    def link(tag: str, attribute: str, value: str) -> str | None:
        nonlocal blocked
        if tag != "img" or attribute != "src":
            return value
        own = ours.get(value.strip()) or ours.get(unquote(value.strip()))
        if own is not None:
            return own
        if _REMOTE.match(value):
            blocked += not remote
            return value if remote else None
        return None

    cleaned = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=link,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        filter_style_properties=_STYLES,
        link_rel="noopener noreferrer nofollow",
        clean_content_tags={"script", "style", "title", "head"},
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return Shown(cleaned, blocked)


def safe(html: str | None, attachments: Sequence[dict[str, Any]] = ()) -> str | None:
    """As `clean`, the HTML alone."""
    shown = clean(html, attachments)
    return None if shown is None else shown.html
