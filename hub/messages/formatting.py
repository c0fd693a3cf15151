"""What an agent typed, as what leaves: who gets it, the signature below it, and pictures where the writer put them.

Text stays text. HTML is made only where there is something that text cannot hold: `![a view](upload:17)` shows the
uploaded picture 17 at its place, and reads `[a view]` where pictures cannot be seen.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping

from hub.channels.model import AddressKind
from hub.contacts.identity import normalise
from hub.core.errors import Invalid
from hub.messages.templates import render

MAX_RECIPIENTS = 50
_PICTURE = re.compile(r"!\[([^\]\n]{0,200})\]\(upload:([1-9][0-9]{0,15})\)")
_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]，。；：！？）】]")
_FONT = (
    "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'PingFang SC','Microsoft YaHei',sans-serif;"
    "font-size:14px;line-height:1.5"
)


def pictures(text: str) -> list[int]:
    """The uploads that the text shows at their place."""
    return list(dict.fromkeys(int(found[2]) for found in _PICTURE.finditer(text)))


def plain(text: str) -> str:
    """The text where pictures cannot be seen."""
    return _PICTURE.sub(lambda found: f"[{found[1].strip() or 'image'}]", text)


def content_id(upload_id: int) -> str:
    """What a picture of ours is called inside its mail (RFC 2392), without angle brackets."""
    return f"image{upload_id}@omnihub.invalid"


def to_html(text: str) -> str:
    """The text as HTML: escaped, its lines kept, links and pictures in their places."""

    def line(one: str) -> str:
        return _outside(_PICTURE, one, _linked, lambda found: _picture(found[1], int(found[2])))

    paragraphs = re.split(r"\n{2,}", text.replace("\r\n", "\n").strip("\n"))
    body = "".join("<p>" + "<br>".join(line(one) for one in paragraph.split("\n")) + "</p>" for paragraph in paragraphs)
    return f'<div style="{_FONT}">{body}</div>'


def _linked(text: str) -> str:
    return _outside(
        _LINK, text, html.escape, lambda found: f'<a href="{html.escape(found[0])}">{html.escape(found[0])}</a>'
    )


def _picture(words: str, upload_id: int) -> str:
    return f'<img src="cid:{content_id(upload_id)}" alt="{html.escape(words.strip())}" style="max-width:100%">'


def _outside(
    pattern: re.Pattern[str], text: str, other: Callable[[str], str], match: Callable[[re.Match[str]], str]
) -> str:
    """`text` with what matches made by `match` and what lies between by `other`."""
    made: list[str] = []
    at = 0
    for found in pattern.finditer(text):
        made += [other(text[at : found.start()]), match(found)]
        at = found.end()
    return "".join([*made, other(text[at:])])


def signed(text: str, signature: str) -> str:
    """The text with the signature below the line that mail programs know (RFC 3676 §4.3)."""
    return f"{text.rstrip()}\n\n-- \n{signature}" if signature else text


def signed_html(page: str, signature: str) -> str:
    """The same for HTML."""
    return f"{page}<br>-- <br>{to_html(signature)}" if signature else page


def signature(template: str, variables: Mapping[str, str]) -> str:
    """An account's signature for one writer."""
    return render(template, variables).strip()


def is_ours(address: str, own: Iterable[str]) -> bool:
    """Whether an address is one of ours, with or without a plus-part."""
    local, _, domain = address.lower().rpartition("@")
    bare = f"{local.partition('+')[0]}@{domain}"
    return any(bare == _bare(one) for one in own)


def _bare(address: str) -> str:
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def recipients(field: str, wanted: Iterable[str], *, without: Iterable[str]) -> tuple[str, ...]:
    """Addresses somebody typed: valid, each once, and none of `without`; `Invalid` names the field and the address."""
    passed = {one.lower() for one in without}
    found: dict[str, None] = {}
    for one in wanted:
        try:
            address = normalise(AddressKind.EMAIL, one)
        except Invalid as error:
            raise Invalid(
                f"{one[:100]!r} is not an e-mail address.",
                fields={field: error.detail},
                code="message.recipient",
                params={"address": one[:100]},
            ) from None
        if address not in passed:
            found[address] = None
    if len(found) > MAX_RECIPIENTS:
        raise Invalid("Too many recipients.", code="message.recipients", fields={field: f"at most {MAX_RECIPIENTS}"})
    return tuple(found)
