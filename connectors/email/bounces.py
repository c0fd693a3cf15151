"""Delivery reports: RFC 3464 status notifications, RFC 5965 complaints, and servers' own words.

Anybody can write such a mail, so it counts only with proof that it is about a send of ours: it came back to, or names,
the signed return path of that send (`support+b{outbound}-{signature}@…`, VERP); or it came as such reports come, from
nobody (RFC 5321 §4.5.5), names our signed Message-ID of that very message, and speaks of somebody whom it went to.
Everything else is stored as an automatic mail, shown, and no more.
"""

# ruff: noqa: E501 - the pattern of subjects is a list of phrases
from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import connectors.email.header as header
import connectors.email.mime as mime
import connectors.email.ses as ses
from connectors.email.bounce_texts import failures, told
from hub.channels.model import Delivery, DeliveryStatus
from hub.channels.reasons import Reason
from hub.core.secrets import Vault
from hub.messages.tokens import message_of

_PURPOSE = "bounce"
_MAX_STATUS = 256 * 1024  # bytes of a report that are looked at
_VERP = re.compile(r"^b([1-9][0-9]{0,17})-([a-z2-7]{16})$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says: `failed` for good, or delayed/delivered; whose mail, and why in the server's words.

    `complaint`: it did arrive, and the reader called it spam (RFC 5965). `recipients` are all it speaks of. `tokens`
    are plus-parts of the return path that it says the mail had. `for_programs`: nobody can read what it is written in.
    """

    failed: bool
    delivered: bool
    recipient: str
    status: str
    diagnostic: str
    message_id: str | None
    complaint: bool = False
    recipients: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    for_programs: bool = False

    @property
    def reason(self) -> str:
        """The server's words, else its number; empty where it gives neither."""
        return re.sub(r"^\s*[a-z0-9-]+\s*;\s*", "", self.diagnostic, flags=re.IGNORECASE) or self.status

    def words(self) -> str:
        """The reason as an agent reads it."""
        who = self.recipient or "An address"
        if self.complaint:
            return f"{who} called a mail of ours spam."[:500]
        if self.delivered and not self.failed:
            return f"{who} has received a mail of ours."[:500]
        return f"{who} could not be reached: {self.reason or 'no reason given'}"[:500]


def return_path_token(vault: Vault, outbound_id: int) -> str:
    """The signed plus-part of the envelope sender of one send."""
    return f"b{outbound_id}-{vault.sign(_PURPOSE, str(outbound_id))}"


def bounced_outbound(vault: Vault, tokens: Iterable[str]) -> int | None:
    """The send that a genuine return path among `tokens` names."""
    for token in tokens:
        found = _VERP.match(token)
        if found and vault.verify(_PURPOSE, found[1], found[2]):
            return int(found[1])
    return None


def read_report(root: mime.Part, text: str, *, automatic: bool, ours: Iterable[str] = ()) -> Report | None:
    """What a report says of a mail of ours, or None if this is none.

    A status notification by its rules (RFC 3464), a complaint by its own (RFC 5965), and else, if a robot wrote it,
    whatever the many kinds of mail servers say in their own words: `text`, in which no address of `ours` is the one
    that failed.
    """
    parts = list(root.leaves())
    complaint = next((p for p in parts if p.content_type == "message/feedback-report" or _from_hotmail(p)), None)
    if complaint is not None:
        return _complaint(complaint, parts, root)
    message_id = _original_id(parts, root)
    if automatic and (told_by_ses := ses.notification(text)) is not None:
        return _by_ses(told_by_ses)
    found = [r for p in parts if p.content_type in _STATUS_TYPES for r in _recipients(p, message_id)]
    if not any(r.failed or r.delivered for r in found):
        found += _told(root, text, message_id, automatic, _bare(ours, message_id))
    if not found:
        return None
    named = tuple(dict.fromkeys(r.recipient for r in found if r.recipient))[:100]
    worst = next((r for r in found if r.failed), found[0])
    return replace(worst, recipients=named, tokens=_return_paths(parts, mime.Headers([])))


_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers"}
)
_FAILURE = re.compile(
    r"undeliver|not\s+(?:be\s+)?deliver|non\s*deliver|deliver\w*\s.{0,40}(?:fail|notif|problem|report|error|status)|return\w*\s.{0,20}(?:mail|sender)|mail\w*\s.{0,20}(?:fail|error|return)"
    r"|fail\w*\s.{0,30}(?:deliver|mail|notice)|bounce|user unknown|unzustellbar|non remis|no entregado|no se puede entregar|onbestelbaar|mancat\w recapit|недоставлен|не доставлен|nedoručiteln|niedostarcz"
    r"|teslim edilemedi|配信不能|返送|배달 실패|退信|投递失败|無法投遞|无法投递|未送达|message you sent blocked|DSN|warning: message",
    re.IGNORECASE,
)  # fmt: skip
_SERVER = re.compile(
    r"mailer.?daemon|post.?master|mail.?delivery|delivery.?(?:system|subsystem)|system.administrator|mail.?system",
    re.IGNORECASE,
)
_HOTMAIL = "x-hmxmroriginalrecipient"
_PASSED_ON = re.compile(
    r"(?:fwd?|wg|tr|rv|转发|轉寄|automatic reply|out of (?:the )?office|auto(?:reply)?)\s*[:：]", re.IGNORECASE
)


def from_server(root: mime.Part) -> bool:
    """Whether a mail server wrote it, by its sender's name."""
    return bool(_SERVER.search(header.text(root.headers.get("from")[:300])))


def _from_a_server(root: mime.Part) -> bool:
    """The same, or, if it answers and advertises nothing, by its subject."""
    if from_server(root):
        return True
    subject = header.text(root.headers.get("subject")[:500])
    others = any(root.headers.has(name) for name in ("in-reply-to", "list-id", "list-unsubscribe"))
    return bool(_FAILURE.search(subject)) and not _PASSED_ON.match(subject) and not others


def _bare(ours: Iterable[str], message_id: str | None) -> frozenset[str]:
    return frozenset(one.lower().strip("<>") for one in (*ours, message_id or "") if one)


def _recipients(part: mime.Part, message_id: str | None) -> list[Report]:
    blocks = _blocks(part.content()[:_MAX_STATUS])
    return [_recipient(block, message_id) for block in blocks if block.has("action") or block.has("status")]


def _told(root: mime.Part, text: str, message_id: str | None, automatic: bool, ours: frozenset[str]) -> list[Report]:
    server = _from_a_server(root)
    if not server and not automatic:
        return []  # on people's mail the words find failures that are none
    lasting, passing = (_others(found, ours) for found in failures(root.raw[:_MAX_STATUS]))
    if not lasting and not passing and server:
        lasting, passing = told(text, ours)
    words = header.text(root.headers.get("subject"))[:200]
    return [Report(True, False, one, "", words, message_id) for one in lasting] + [
        Report(False, False, one, "", words, message_id) for one in passing
    ]


def _by_ses(told: ses.Notification) -> Report:
    complaint, delivered = told.kind == "complaint", told.kind != "bounce"
    return Report(
        failed=told.kind == "bounce" and told.lasting,
        delivered=delivered,
        recipient=next(iter(told.recipients), ""),
        status=told.status[:40],
        diagnostic=told.diagnostic or told.kind,
        message_id=told.message_id,
        complaint=complaint,
        recipients=told.recipients,
        for_programs=True,
    )


def _others(found: Iterable[str], ours: frozenset[str]) -> list[str]:
    return [one for one in found if one.lower() not in ours]


def _head(part: mime.Part) -> mime.Headers:
    return mime.split_headers(part.content()[:_MAX_STATUS].lstrip(b"\r\n"))[0]


def _from_hotmail(part: mime.Part) -> bool:
    """Microsoft's complaints are the mail itself, with a field that names who complained."""
    return part.content_type == "message/rfc822" and _head(part).has(_HOTMAIL)


def _complaint(part: mime.Part, parts: list[mime.Part], root: mime.Part) -> Report:
    report = b"" if _from_hotmail(part) else part.content()[:_MAX_STATUS]
    fields = next(iter(_blocks(report)), mime.Headers([]))
    returned = next((p for p in parts if p.content_type in _RETURNED), None)
    theirs = _head(returned) if returned is not None else mime.Headers([])
    said = (fields.get("original-rcpt-to"), fields.get("removal-recipient"), theirs.get(_HOTMAIL), theirs.get("to"))
    who = next((a.address for value in said for a in header.addresses(value)), "")
    kind = header.text(fields.get("feedback-type"))[:40].lower() or "abuse"
    # Only what a person called spam ends our automatic mail; "not-spam" and reports of authentication do not.
    return Report(
        False,
        True,
        who,
        "",
        kind,
        _original_id(parts, root),
        kind in {"abuse", "opt-out", "fraud"},
        (who,) if who else (),
        _return_paths(parts, fields),
    )


def _return_paths(parts: list[mime.Part], fields: mime.Headers) -> tuple[str, ...]:
    """The plus-parts of the envelope sender that the returned mail or the report itself (RFC 5965 §3.2) names."""
    values = [fields.get("original-mail-from")]
    values += [_head(part).get("return-path") for part in parts if part.content_type in _RETURNED]
    locals_ = [a.address.rpartition("@")[0] for value in values for a in header.addresses(value)]
    return tuple(one.partition("+")[2] for one in locals_ if "+" in one)


def _blocks(content: bytes) -> list[mime.Headers]:
    blocks: list[mime.Headers] = []
    rest = content.strip()
    while rest and len(blocks) < 100:
        headers, after = mime.split_headers(rest)
        if len(after) >= len(rest):
            break
        blocks.append(headers)
        rest = after.lstrip(b"\r\n\t ")
    return blocks


def _recipient(block: mime.Headers, message_id: str | None) -> Report:
    action = block.get("action").decode("ascii", "replace").partition("(")[0].strip().lower()
    code = block.get("status").decode("ascii", "replace").strip()
    return Report(
        failed=action == "failed" or (not action and code.startswith("5")),
        delivered=action in {"delivered", "relayed", "expanded"},
        recipient=_address(block),
        status=code[:40],
        diagnostic=header.text(block.get("diagnostic-code"))[:500],
        message_id=message_id,
    )


def _address(block: mime.Headers) -> str:
    """Whom we had written to, before somebody's server passed it on; else whom it could not reach."""
    said = ""
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        value = header.text(block.get(name))
        said = value.partition(";")[2].strip() or value or said
        found = header.addresses(said.encode())
        if found and not said.startswith("/"):
            return found[0].address
    return said


_ID_LINE = re.compile(rb"^[ \t>]{0,8}Message-ID[ \t]*:[ \t\r\n]*(<[^<>\s]{3,300}>)", re.IGNORECASE | re.MULTILINE)


def _original_id(parts: list[mime.Part], root: mime.Part) -> str | None:
    """The id of the mail that is reported on: in what was returned, in a field, or quoted somewhere in the text."""
    for part in parts:
        if part.content_type in _RETURNED:
            found = header.ids(_head(part).get("message-id"))
            if found:
                return found[0]
    named = header.ids(root.headers.get("x-failed-message-id") or root.headers.get("in-reply-to"))
    if named:
        return named[0]
    quoted = _ID_LINE.search(root.raw, root.start, min(root.end, root.start + _MAX_STATUS))
    return quoted[1].decode("ascii", "replace") if quoted else None


def to_delivery(report: Report, vault: Vault, tokens: Iterable[str], *, from_nobody: bool) -> Delivery | None:
    """The report as the hub's words; None when it changes nothing (delayed), or proves nothing.

    `tokens` are the plus-parts of its recipients; `from_nobody`: its envelope names no sender, as far as is known.
    """
    outbound_id = bounced_outbound(vault, [*tokens, *report.tokens])
    only_to: tuple[str, ...] | None = None
    if outbound_id is None:
        if not report.message_id or message_of(vault, report.message_id) is None:
            return None
        if not (from_nobody or report.complaint) or not report.recipients:
            return None
        only_to = report.recipients
    # Reports are kept once by (id, status): one that names no message is known by the send.
    name = report.message_id or f"outbound:{outbound_id}"
    if report.complaint:
        return Delivery("email", DeliveryStatus.DELIVERED, name, outbound_id, complaint=True, only_to=only_to)
    if report.failed:
        return Delivery(
            "email", DeliveryStatus.FAILED, name, outbound_id, report.words(), only_to=only_to,
            code=Reason.MAIL_RETURNED, params={"address": report.recipient[:300], "reason": report.reason[:300]},
        )  # fmt: skip
    if report.delivered:
        return Delivery("email", DeliveryStatus.DELIVERED, name, outbound_id, only_to=only_to)
    return None
