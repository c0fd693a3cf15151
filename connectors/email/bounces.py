"""Delivery reports: RFC 3464 status notifications, matched to our sends by our own signed return path or by the id.

Only what names a message of ours counts: the hub looks the Message-ID up, and the return path
(`support+b{outbound}-{signature}@…`, VERP) is signed. Everything else is stored as an automatic mail and no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import connectors.email.header as header
import connectors.email.mime as mime
from hub.channels.model import Delivery, DeliveryStatus
from hub.core.secrets import Vault

_PURPOSE = "bounce"
_VERP = re.compile(r"^b([1-9][0-9]{0,17})-([a-z2-7]{16})$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says: `failed` for good, or delayed/delivered; whose mail, and why in the server's words."""

    failed: bool
    delivered: bool
    recipient: str
    status: str
    diagnostic: str
    message_id: str | None

    def words(self) -> str:
        """The reason as an agent reads it."""
        said = re.sub(r"^\s*[a-z0-9-]+\s*;\s*", "", self.diagnostic, flags=re.IGNORECASE)
        return f"{self.recipient} could not be reached: {said or self.status or 'no reason given'}"[:500]


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


def read_report(root: mime.Part) -> Report | None:
    """The delivery status in a multipart/report, or None. A report about several recipients counts by its worst."""
    status = next((p for p in _all(root) if p.content_type in _STATUS_TYPES), None)
    if status is None:
        return None
    blocks = _blocks(status.content())
    found = [_recipient(block, _original_id(root)) for block in blocks if block.has("action") or block.has("status")]
    if not found:
        return None
    return next((r for r in found if r.failed), found[0])


_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers"}
)


def _all(part: mime.Part) -> list[mime.Part]:
    return list(part.leaves())


def _blocks(content: bytes) -> list[mime.Headers]:
    blocks: list[mime.Headers] = []
    rest = content.strip(b"\r\n")
    while rest and len(blocks) < 100:
        headers, after = mime.split_headers(rest)
        if len(after) >= len(rest):
            break
        blocks.append(headers)
        rest = after.lstrip(b"\r\n")
    return blocks


def _recipient(block: mime.Headers, message_id: str | None) -> Report:
    action = block.get("action").decode("ascii", "replace").partition("(")[0].strip().lower()
    code = block.get("status").decode("ascii", "replace").strip()
    address = header.text(block.get("final-recipient") or block.get("original-recipient"))
    return Report(
        failed=action == "failed" or (not action and code.startswith("5")),
        delivered=action == "delivered",
        recipient=address.partition(";")[2].strip() or address,
        status=code[:40],
        diagnostic=header.text(block.get("diagnostic-code"))[:500],
        message_id=message_id,
    )


def _original_id(root: mime.Part) -> str | None:
    for part in _all(root):
        if part.content_type in _RETURNED:
            headers, _ = mime.split_headers(part.content().lstrip(b"\r\n"))
            found = header.ids(headers.get("message-id"))
            if found:
                return found[0]
    return next(iter(header.ids(root.headers.get("x-failed-message-id") or root.headers.get("in-reply-to"))), None)


def to_delivery(report: Report, outbound_id: int | None) -> Delivery | None:
    """The report as the hub's words, or None when it changes nothing (delayed) or names no message."""
    if not report.message_id and outbound_id is None:
        return None
    # Reports are kept once by (id, status): one that names no message is known by the send.
    name = report.message_id or f"outbound:{outbound_id}"
    if report.failed:
        return Delivery("email", DeliveryStatus.FAILED, name, outbound_id, report.words())
    if report.delivered:
        return Delivery("email", DeliveryStatus.DELIVERED, name, outbound_id)
    return None
