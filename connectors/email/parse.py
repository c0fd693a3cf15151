"""Raw bytes of a mail to the hub's words. Pure, bounded, and it does not raise on anything that can be kept.

A mail without a sender gets one of its own under the reserved domain `invalid` (RFC 2606), so that it can be read
and nobody is mistaken for anybody else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import connectors.email.header as header
import connectors.email.mime as mime
from connectors.email.automatic import proved, suppresses_answers
from connectors.email.body import Body, assemble
from connectors.email.bounces import Report, from_server, read_report
from connectors.email.charset_hints import hints
from connectors.email.context import Context, context
from connectors.email.forwards import forwarded
from connectors.email.html import to_text
from connectors.email.html_quotes import html_quotes_marked, own_html_end
from connectors.email.quotes import quoted, visible
from connectors.email.senders import same, writer
from hub.channels.model import AddressKind, Inbound
from hub.core.errors import Invalid

RAW_TYPE = "message/rfc822"
MAX_BYTES = 50 * 1024 * 1024
_PIECE = 1024 * 1024
_MAX_HEADER = 256 * 1024  # bytes in which a header ends, or it is none
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_MAX_QUOTED = 20_000  # characters of a quote that are held against what was said
_MAX_TEXT = 500_000  # characters of one message shown; the raw message has the rest
_RECIPIENTS = (
    "to",
    "cc",
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-delivered-to",
    "resent-to",
)
_LOCAL_ROBOT = re.compile(r"^<?(mailer-daemon|postmaster|root|daemon)>?\s*(?:\(([^()]{0,200})\))?$", re.IGNORECASE)
# What servers on the way add: two copies of one mail differ by these.
_TRACE = re.compile(
    rb"^(?:received|return-path|delivered-to|x-original-to|envelope-to|x-envelope-to|x-envelope-from|x-delivered-to|"
    rb"authentication-results|arc-[a-z-]+|received-spf|x-received|x-spam-[a-z-]+|x-virus-[a-z-]+|x-google-smtp-source|"
    rb"x-gm-[a-z-]+|status|x-status|x-uid|x-keywords|lines|content-length|x-antiabuse|x-sieve|x-rspamd-[a-z-]+|"
    rb"x-original-recipient|x-apparently-to|x-envelope-[a-z-]+)[ \t]*:",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the delivery said beside the message: `mail_from` "" is the null sender, None means unknown."""

    mail_from: str | None = None
    rcpt_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What an account's settings say of its mail.

    `aliases`: its other addresses. `forms`: who (addresses and `@domains`, in lower case) writes in the name of whom
    the Reply-To names. `languages`: those its customers write in.
    """

    aliases: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


_NOTHING = Known()


@dataclass(frozen=True, slots=True)
class Mail:
    """A parsed mail: the message for the hub, and the delivery report if it is one."""

    inbound: Inbound
    report: Report | None
    notes: list[str] = field(default_factory=list[str])
    from_nobody: bool | None = None  # whether its Return-Path is the null one; None: it has none


def dedup_key(raw: bytes) -> str:
    """SHA-256 of the message without the fields that servers add on its way.

    A Message-ID alone is wrong both ways: it may be missing, and it may be used again for another text. Whatever the
    bytes, it costs little more than hashing them: fields are looked at one by one only as far as a header reaches.
    """
    digest = hashlib.sha256()
    end = _END_OF_HEADER.search(raw, 0, _MAX_HEADER)
    stop = end.start() if end else min(len(raw), _MAX_HEADER)
    tracing = True
    for line in raw[:stop].split(b"\n"):
        if line[:1] not in (b" ", b"\t"):
            tracing = bool(_TRACE.match(line)) or line.startswith((b"From ", b">From "))
        if not tracing:
            digest.update(line.rstrip(b"\r") + b"\n")
    digest.update(b"\n")
    if (rest := end.end() if end else stop) < len(raw):
        _digest_lines(digest, raw, rest)
    return digest.hexdigest()


def _digest_lines(digest: Any, raw: bytes, at: int) -> None:
    """The body with plain line ends and none at its end, in pieces: a large one is not copied whole."""
    stop = max(at, _without_last_lines(raw))
    while at < stop:
        piece = raw[at : min(at + _PIECE, stop)]
        if piece.endswith(b"\r") and at + len(piece) < stop:
            piece = raw[at : min(at + len(piece) + 1, stop)]
        digest.update(piece.replace(b"\r\n", b"\n"))
        at += len(piece)


def _without_last_lines(raw: bytes) -> int:
    """Where the line ends (CRLF or LF) that a message ends with begin."""
    if not raw.endswith(b"\n"):
        return len(raw)
    bare = len(raw.rstrip(b"\r\n"))
    lone = raw.rfind(b"\r\r", bare)  # a CR without its LF is no line end
    return bare if lone < 0 else lone + 1


def parse(
    raw: bytes,
    *,
    account_id: int,
    envelope: Envelope | None = None,
    own: str | None = None,
    trusted: str | None = None,
    known: Known = _NOTHING,
) -> Mail:
    """Translate one mail. `own` is our address on this account, `trusted` our server's authserv-id.

    `Invalid` only for what is no mail at all: empty, or larger than can be.
    """
    if raw.isspace() or not raw:
        raise Invalid("The message is empty.")
    if len(raw) > MAX_BYTES:
        raise Invalid(f"The message is larger than {MAX_BYTES // 1024 // 1024} MB.")
    envelope = envelope or Envelope()
    root, notes = mime.read(raw)
    body = assemble(root, notes, hints(root.headers, known.languages))
    return _Reading(raw, account_id, envelope, own, trusted, known, root, body, notes).mail()


@dataclass(slots=True)
class _Reading:
    raw: bytes
    account_id: int
    envelope: Envelope
    own: str | None
    trusted: str | None
    known: Known
    root: mime.Part
    body: Body
    notes: list[str]
    left_out: int = 0  # characters of text beyond what is kept

    def mail(self) -> Mail:
        headers = self.root.headers
        key = dedup_key(self.raw)
        written = self._sender(key)
        subject = self._text("subject")
        ours = (self.own, *self.known.aliases) if self.own else self.known.aliases
        why = (self.root.content_type, self.envelope.mail_from, subject)
        who = writer(self.root.headers, written, self._addresses, why, ours=ours, forms=self.known.forms)
        sender, reason = who.customer, who.automatic
        about = self._context(sender, subject, ours)
        full, shown = self._texts(about)
        if reason is None and any(same(a.address, one) for one in ours for a in self._addresses("x-loop")):
            reason = "X-Loop"
        report = read_report(self.root, full, automatic=reason is not None, ours=ours)
        if reason is None and report is not None and from_server(self.root):
            reason = "report"
        if report is not None and report.for_programs:
            shown = report.words()
        recipients = self._recipients()
        ids = self._references(report)
        inbound = Inbound(
            account_id=self.account_id,
            dedup_key=key,
            raw=self.raw,
            raw_type=RAW_TYPE,
            address_kind=AddressKind.EMAIL,
            address=sender.address,
            name=sender.name,
            subject=subject[:1000],
            text=shown,
            html=self.body.html,
            external_id=next(iter(header.ids(headers.get("message-id"))), None),
            references=tuple(ids),
            tokens=tokens(recipients),
            verified=who.through is None
            and proved(headers, sender.address, self.trusted)
            and len(self._addresses("from")) == 1,
            automatic=reason is not None,
            sent_at=sent_at(headers.get("date")),
            locale=self._locale(),
            attachments=tuple(self.body.attachments),
            meta=self._meta((full, shown), about, reason, recipients) | _through(who.through),
        )
        path = headers.get("return-path").strip()
        return Mail(inbound, report, self.notes, path == b"<>" if path else None)

    def _text(self, name: str) -> str:
        return header.text(self.root.headers.get(name), self.body.charset)

    def _addresses(self, name: str) -> list[header.Address]:
        return [a for value in self.root.headers.all(name)[:20] for a in header.addresses(value, self.body.charset)]

    def _sender(self, key: str) -> header.Address:
        for name in ("from", "sender", "reply-to", "return-path"):
            found = self._addresses(name)
            if found:
                return found[0]
        robot = _LOCAL_ROBOT.match(self._text("from"))
        if robot:  # a mail server on the same machine leaves the domain out
            return header.Address(robot[2] or "", robot[1].lower())
        if self.envelope.mail_from and "@" in self.envelope.mail_from:
            return header.Address("", self.envelope.mail_from)
        self.notes.append("no sender")
        return header.Address(self._text("from")[:200], f"unknown-{key[:16]}@sender.invalid")

    def _context(self, sender: header.Address, subject: str, ours: Sequence[str]) -> Context:
        """What the header says of the text, for finding what is quoted in it."""
        headers = self.root.headers
        refers = bool(header.ids(headers.get("in-reply-to")) or header.ids(headers.get("references")))
        own = tuple(one.lower() for one in ours)
        return context(subject, f"{sender.name} {sender.address}", refers=refers, ours=own)

    def _texts(self, about: Context) -> tuple[str, str]:
        """The whole text, and what of it the customer wrote."""
        if self.body.text is not None:
            full = self._bounded(self.body.text)
            return full, visible(full, about)
        if self.body.html_source:
            whole = to_text(self.body.html_source)  # once: laying out costs more than all else that is done to a mail
            full = self._bounded(whole)
            marked = html_quotes_marked(self.body.html_source, about, whole=whole)[:_MAX_TEXT]
            return full, visible(marked, about) or visible(full, about)
        return "", ""

    def _bounded(self, text: str) -> str:
        self.left_out = max(0, len(text) - _MAX_TEXT)
        return text[:_MAX_TEXT]

    def _recipients(self) -> list[str]:
        found = list(self.envelope.rcpt_to)
        for name in _RECIPIENTS:
            found += [a.address for a in self._addresses(name)]
        return list(dict.fromkeys(found))[: header.MAX_ADDRESSES]

    def _references(self, report: Report | None) -> list[str]:
        headers = self.root.headers
        answered = header.ids(headers.get("in-reply-to"))
        thread = list(reversed(header.ids(headers.get("references"))))
        original = [report.message_id] if report and report.message_id else []
        return list(dict.fromkeys([*original, *answered, *thread]))[:50]

    def _locale(self) -> str | None:
        said = self.root.headers.get("content-language").decode("ascii", "replace").split(",")[0].strip()
        return said if re.fullmatch(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}", said) else None

    def _meta(
        self, texts: tuple[str, str], about: Context, reason: str | None, recipients: Sequence[str]
    ) -> dict[str, Any]:
        full, shown = texts
        answer_to = [a.address for a in self._addresses("reply-to")]
        facts: dict[str, Any] = {
            "to": [a.address for a in self._addresses("to")][:50],
            "cc": [a.address for a in self._addresses("cc")][:50],
            "reply_to": answer_to[0] if answer_to else None,
            "reply_to_more": answer_to[1:10],
            "full_text": full if full != shown else None,
            "quoted": quoted(full, about)[:_MAX_QUOTED] if full != shown else None,
            "left_out": self.left_out,
            "html_own_end": own_html_end(self.body.html, shown, about) if self.body.html and full != shown else None,
            "invitation": self.body.invitation,
            "forwarded": forwarded(self.root, full),
            "automatic": reason,
            "no_auto_answer": suppresses_answers(self.root.headers) or None,
            "notes": list(dict.fromkeys(self.notes)) or None,
            "mail_from": self.envelope.mail_from,
            "rcpt_to": list(self.envelope.rcpt_to)[:50],
        }
        return {key: value for key, value in facts.items() if value or value == ""}


def _through(form: header.Address | None) -> dict[str, Any]:
    """What is noted of the form a mail came through, as of a colleague who passes one on."""
    if form is None:
        return {}
    return {"forwarded_by": f"{form.name} <{form.address}>" if form.name else form.address}


def tokens(recipients: Sequence[str]) -> tuple[str, ...]:
    """What may be reply tokens of ours: the plus-parts of recipients.

    Not the signed parts of ids in References: a mail passed on carries those to strangers, who must not join by
    answering. An id of ours threads only for somebody known to the conversation (see the SQL function `intake`).
    """
    found = [local.split("+", 1)[1] for one in recipients if "+" in (local := one.rpartition("@")[0])]
    return tuple(dict.fromkeys(found))[:50]


def sent_at(value: bytes) -> datetime | None:
    """The Date field in UTC; None when it is missing, unreadable or in the future, where no mail comes from."""
    try:
        found = parsedate_to_datetime(value[:200].decode("ascii", "replace"))
        moment = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.year > 1980 and moment <= datetime.now(UTC) else None
