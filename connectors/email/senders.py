"""Who wrote a mail: its From, or the customer in whose name a form, a shop or a group passes it on.

A group that rewrites From (Google Groups, Microsoft 365, mailman with DMARC) and a form on our own site write as
ourselves; the customer is whom X-Original-From, X-Original-Sender or Reply-To names. A form or a shop that writes as
`no-reply@` names the customer in Reply-To. None of this proves anybody: who is found so is never taken for proved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from connectors.email.automatic import is_no_reply, why_automatic
from connectors.email.header import Address
from connectors.email.mime import Headers

_GROUP_FIELDS = ("list-post", "mailing-list", "x-mailing-list", "list-id", "x-beenthere")
_MAILTO = re.compile(r"(?:mailto:|list |contact |^|<)\s*([^\s<>:;,@]+@[^\s<>;,?]+)", re.IGNORECASE)
_LIST_ID = re.compile(r"<([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9.-]{3,255})>\s*$")


@dataclass(frozen=True, slots=True)
class Writer:
    """The customer, and through whom their words came (None: they wrote themselves).

    `automatic` is the reason to take the mail for a robot's; None: a person's.
    """

    customer: Address
    through: Address | None = None
    automatic: str | None = None


def writer(
    headers: Headers,
    written: Address,
    named: Callable[[str], list[Address]],
    why: tuple[str, str | None, str],
    *,
    ours: Sequence[str] = (),
    forms: Sequence[str] = (),
) -> Writer:
    """`written` is the From; `named` gives the addresses of a field; `why` is (content type, envelope sender, subject).

    `ours` are our own addresses of this account, `forms` the senders (or `@domains`) that settings call forms.
    """
    kind, mail_from, subject = why
    own = [*ours, *_groups(headers)]
    address = written.address.lower()
    if kind != "multipart/report" and (address in forms or "@" + address.rpartition("@")[2] in forms):
        customer = _first(named, ("reply-to",), ours)
        if customer is not None:
            return Writer(customer, written)
    if _among(address, own):
        customer = _first(named, ("x-original-from", "x-original-sender", "reply-to"), own)
        if customer is not None:
            return Writer(customer, written, why_automatic(headers, customer.address, kind, mail_from, subject))
        automatic = why_automatic(headers, address, kind, mail_from, subject)
        return Writer(written, None, automatic or ("our own address" if _among(address, ours) else None))
    if is_no_reply(address):
        customer = _first(named, ("reply-to",), own)
        robot = customer is None or why_automatic(headers, customer.address, kind, mail_from, subject)
        if customer is not None and not robot:
            return Writer(customer, written)
    return Writer(written, None, why_automatic(headers, address, kind, mail_from, subject))


def _first(named: Callable[[str], list[Address]], fields: Iterable[str], own: Sequence[str]) -> Address | None:
    """The first address in these fields that is not one of ours."""
    return next((one for name in fields for one in named(name) if not _among(one.address, own)), None)


def _groups(headers: Headers) -> list[str]:
    """The addresses of the group that passed the mail on, by the fields that groups write (RFC 2369, RFC 2919)."""
    found: list[str] = []
    for name in _GROUP_FIELDS:
        value = headers.get(name)[:1000].decode("ascii", "replace")
        found += [one.lower().rstrip(">") for one in _MAILTO.findall(value)[:3]]
        if name == "list-id" and (named := _LIST_ID.search(value)):
            found.append(f"{named[1]}@{named[2]}".lower())
    return found


def _among(address: str, own: Sequence[str]) -> bool:
    return any(same(address, one) for one in own)


def same(address: str, own: str) -> bool:
    """Whether an address is ours, with or without a plus-part."""
    local, _, domain = address.lower().rpartition("@")
    ours, _, our_domain = own.lower().rpartition("@")
    return domain == our_domain and local.split("+", 1)[0] == ours
