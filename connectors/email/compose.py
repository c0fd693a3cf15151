"""Our answers as RFC 5322 mail: a header block of our own making around the standard library's MIME.

The library's header folding encodes long Message-IDs as words, which no mail program finds again, so ids are folded
here, one to a line. Nothing that a customer or agent wrote reaches a header without its controls removed.
"""

from __future__ import annotations

import hashlib
import re
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import connectors.email.dkim as dkim
from connectors.email.header import tidy
from connectors.email.settings import Settings
from hub.channels.model import Account, Attachment, Outbound, Outcome, SendError
from hub.channels.reasons import Reason
from hub.core.errors import ConfigError
from hub.messages.formatting import to_html

_POLICY = SMTP.clone(cte_type="7bit", max_line_length=76)
_ADDRESS = re.compile(r"^[^\s<>,;:\\\"()\[\]\x00-\x1f\x7f]{1,64}@[^\s<>,;:\\\"()@\x00-\x1f\x7f]{1,255}$")
_MAX_REFERENCES = 20
_SHORT = 60  # characters that fit into a header line whatever stands beside them
_ITIP = re.compile(r"text/calendar;\s*method=([A-Za-z]{3,14})", re.IGNORECASE)


def checked(address: str) -> str:
    """The address as it is written on the wire; what could end a command or a header never gets further than here.

    A domain in another alphabet gets its ASCII name (RFC 5891), which any server takes; only a local part like that
    needs one that knows SMTPUTF8 (RFC 6531).
    """
    if not _ADDRESS.match(address):
        words = f"{address[:100]!r} is not an address mail can be sent to."
        raise SendError(words, outcome=Outcome.FAILED, code=Reason.MAIL_ADDRESS, params={"address": address[:100]})
    local, _, domain = address.rpartition("@")
    if domain.isascii() or not local.isascii():
        return address
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        words, params = f"{domain[:100]!r} is no domain.", {"address": address[:100]}
        raise SendError(words, outcome=Outcome.FAILED, code=Reason.MAIL_ADDRESS, params=params) from None


def tagged(address: str, token: str) -> str:
    """`support@example.com` with a token: `support+token@example.com`."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{token}@{domain}"


def compose(account: Account, outbound: Outbound) -> bytes:
    """The whole message in CRLF lines, signed if the account says so: the same bytes for every attempt.

    `SendError` when an address is none or the message is larger than the account allows.
    """
    own = checked(account.address or "")
    settings: Settings = account.settings
    fields = [
        ("From", _mailbox(settings.from_name or account.name, own)),
        ("To", _mailbox(outbound.to_name, checked(outbound.to))),
        ("Cc", ",\r\n ".join(checked(one) for one in outbound.cc)),
        ("Subject", _words("Subject", outbound.subject)),
        ("Date", format_datetime(outbound.date)),
        ("Message-ID", _id(outbound.message_id)),
        *_thread(outbound),
        ("Reply-To", _reply_to(account, own, outbound)),
        *_automatic(outbound),
        *_unsubscribe(outbound),
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields if value)
    message = head.encode("utf-8") + _body(outbound).as_bytes()
    if len(message) > settings.max_message_mb * 2**20:
        words = f"The mail is {len(message) / 2**20:.1f} MB; this mailbox sends at most {settings.max_message_mb} MB."
        params = {"size": round(len(message) / 2**20, 1), "most": settings.max_message_mb}
        raise SendError(words, outcome=Outcome.FAILED, code=Reason.MAIL_TOO_LARGE, params=params)
    return _signed(settings, own, message, outbound)


def _reply_to(account: Account, own: str, outbound: Outbound) -> str:
    """Where answers go: to the conversation's own address; to the sender as always where there are none."""
    settings: Settings = account.settings
    if not settings.plus_addresses:
        return ""
    return _mailbox(settings.from_name or account.name, tagged(own, outbound.reply_token))


def _signed(settings: Settings, own: str, message: bytes, outbound: Outbound) -> bytes:
    if settings.dkim is None or settings.dkim_key is None:
        return message
    domain = settings.dkim.domain or own.rpartition("@")[2]
    pem = settings.dkim_key.get_secret_value()
    try:
        return dkim.sign(message, domain=domain, selector=settings.dkim.selector, pem=pem, at=outbound.date)
    except ConfigError as error:
        raise SendError(
            error.detail, outcome=Outcome.RETRY, retry_after=300, code=Reason.MAIL_KEY, params={"reason": error.detail}
        ) from error


def recipients(outbound: Outbound) -> tuple[str, ...]:
    """Who is still to get it: everybody once, without those who have it already."""
    everybody = dict.fromkeys(checked(one) for one in (outbound.to, *outbound.cc, *outbound.bcc))
    return tuple(one for one in everybody if one not in outbound.taken)


def _mailbox(name: str, address: str) -> str:
    shown = tidy(name)[:200]
    if not shown:
        return address
    if shown.isascii() and len(shown) <= _SHORT and "=?" not in shown:
        quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    words = _words("Reply-To", shown)
    fold = "\r\n" if len(words.rpartition("\n")[2]) + len(address) > _SHORT else ""
    return f"{words}{fold} <{address}>"


def _words(name: str, value: str) -> str:
    shown = tidy(value)[:900]
    # What cannot be folded, or looks like a word encoded already, is encoded.
    plain = shown.isascii() and "=?" not in shown and all(len(word) <= _SHORT for word in shown.split(" "))
    charset = "us-ascii" if plain else "utf-8"
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


def _unsubscribe(outbound: Outbound) -> list[tuple[str, str]]:
    """RFC 2369 and, by https alone, one-click by RFC 8058; only on what goes to many."""
    if not outbound.unsubscribe:
        return []
    one_click = [("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")]
    secure = outbound.unsubscribe.startswith("https://")
    return [("List-Unsubscribe", f"<{outbound.unsubscribe}>"), *(one_click if secure else [])]


def _body(outbound: Outbound) -> EmailMessage:
    """Plain text and the same as HTML; pictures within the HTML, files beside both."""
    message = EmailMessage(policy=_POLICY)
    message.set_content(_lines(outbound.text))
    message.add_alternative(_lines(outbound.html or to_html(outbound.text)), subtype="html")
    inline = [a for a in outbound.attachments if a.inline and a.content_id and outbound.html]
    page = message.get_body(("html",))
    for attachment in inline:
        if page is not None:
            cid = f"<{_id(attachment.content_id or '')}>"
            name = tidy(attachment.name)[:200] or "image"
            page.add_related(attachment.body, *_type(attachment), cid=cid, disposition="inline", filename=name)
    for attachment in outbound.attachments:
        method = _ITIP.fullmatch(attachment.content_type)
        if method:  # beside the text, where calendars look for it (RFC 6047 §2.4)
            parameters = {"method": method[1].upper(), "charset": "utf-8"}
            message.add_alternative(attachment.body, "text", "calendar", params=parameters)
    for attachment in outbound.attachments:
        if attachment not in inline and not _ITIP.fullmatch(attachment.content_type):
            message.add_attachment(attachment.body, *_type(attachment), filename=tidy(attachment.name)[:200] or "file")
    _name_boundaries(message, outbound.message_id)
    return message


def _name_boundaries(message: EmailMessage, message_id: str) -> None:
    """Boundaries that are the same for every attempt; nobody can guess one before the mail is written."""
    for n, part in enumerate(message.walk()):
        if part.is_multipart():
            name = hashlib.sha256(f"{message_id}/{n}".encode()).hexdigest()[:32]
            part.set_boundary(f"=_{name}_=")


def _lines(text: str) -> str:
    """Text with plain line ends and without what no mail may hold."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]", "", text.replace("\r\n", "\n").replace("\r", "\n"))


def _type(attachment: Attachment) -> tuple[str, str]:
    """A type that can be base64: `message/*` and `multipart/*` cannot (RFC 2046 §5.2.1)."""
    main, _, sub = attachment.content_type.lower().partition("/")
    plain = re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", attachment.content_type.lower())
    return (main, sub) if plain and main not in {"message", "multipart"} else ("application", "octet-stream")
