"""Our answers as RFC 5322 mail: a header block of our own making around the standard library's MIME.

The library's header folding encodes long Message-IDs as words, which no mail program finds again, so ids are folded
here, one to a line. Nothing that a customer or agent wrote reaches a header without its controls removed.
"""

from __future__ import annotations

import re
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from connectors.email.header import tidy
from connectors.email.settings import Settings
from hub.channels.model import Account, Attachment, Outbound, Outcome, SendError

_POLICY = SMTP.clone(cte_type="7bit", max_line_length=76)
_ADDRESS = re.compile(r"^[^\s<>,;:\\\"()\[\]\x00-\x1f\x7f]{1,64}@[^\s<>,;:\\\"()@\x00-\x1f\x7f]{1,255}$")
_MAX_REFERENCES = 20


def checked(address: str) -> str:
    """The address if it is one; what could end a command or a header never gets further than here."""
    if not _ADDRESS.match(address):
        raise SendError(f"{address[:100]!r} is not an address mail can be sent to.", outcome=Outcome.FAILED)
    return address


def tagged(address: str, token: str) -> str:
    """`support@example.com` with a token: `support+token@example.com`."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{token}@{domain}"


def compose(account: Account, outbound: Outbound) -> bytes:
    """The whole message in CRLF lines; the same bytes for every attempt but for the MIME boundary."""
    own = checked(account.address or "")
    settings: Settings = account.settings
    fields = [
        ("From", _mailbox(settings.from_name or account.name, own)),
        ("To", _mailbox(outbound.to_name, checked(outbound.to))),
        ("Subject", _words("Subject", outbound.subject)),
        ("Date", format_datetime(outbound.date)),
        ("Message-ID", _id(outbound.message_id)),
        *_thread(outbound),
        ("Reply-To", _mailbox(settings.from_name or account.name, tagged(own, outbound.reply_token))),
        *_automatic(outbound),
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields if value)
    return head.encode("utf-8") + _body(outbound).as_bytes()


def _mailbox(name: str, address: str) -> str:
    shown = tidy(name)[:200]
    if not shown:
        return address
    if shown.isascii():
        quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{_words('Reply-To', shown)} <{address}>"


def _words(name: str, value: str) -> str:
    shown = tidy(value)[:900]
    charset = "us-ascii" if shown.isascii() else "utf-8"
    return Header(shown, charset, header_name=name, maxlinelen=76).encode(linesep="\r\n")


def _id(value: str) -> str:
    return "".join(value.split())[:900]


def _thread(outbound: Outbound) -> list[tuple[str, str]]:
    """In-Reply-To and References; a long thread keeps its first id and the last ones (RFC 5322 §3.6.4)."""
    references = [clean for one in outbound.references if (clean := _id(one))]
    answered = _id(outbound.in_reply_to or "")
    if answered and answered not in references:
        references.append(answered)
    if len(references) > _MAX_REFERENCES + 1:
        references = [references[0], *references[-_MAX_REFERENCES:]]
    return [("In-Reply-To", answered), ("References", "\r\n ".join(references))]


def _automatic(outbound: Outbound) -> list[tuple[str, str]]:
    """RFC 3834 §3.1.7: so that no robot answers our robot."""
    if not outbound.automatic:
        return []
    kind = "auto-replied" if outbound.in_reply_to else "auto-generated"
    return [("Auto-Submitted", kind), ("X-Auto-Response-Suppress", "All"), ("Precedence", "bulk")]


def _body(outbound: Outbound) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    message.set_content(_lines(outbound.text))
    inline = [a for a in outbound.attachments if a.inline and a.content_id and outbound.html]
    if outbound.html:
        message.add_alternative(_lines(outbound.html), subtype="html")
        page = message.get_body(("html",))
        for attachment in inline:
            if page is not None:
                page.add_related(attachment.body, *_type(attachment), cid=f"<{_id(attachment.content_id or '')}>")
    for attachment in outbound.attachments:
        if attachment not in inline:
            message.add_attachment(attachment.body, *_type(attachment), filename=tidy(attachment.name)[:200] or "file")
    return message


def _lines(text: str) -> str:
    """Text with plain line ends and without what no mail may hold."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", text.replace("\r\n", "\n").replace("\r", "\n"))


def _type(attachment: Attachment) -> tuple[str, str]:
    """A type that can be base64: `message/*` and `multipart/*` cannot (RFC 2046 §5.2.1)."""
    main, _, sub = attachment.content_type.lower().partition("/")
    plain = re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", attachment.content_type.lower())
    return (main, sub) if plain and main not in {"message", "multipart"} else ("application", "octet-stream")
