"""Texts as PostgreSQL and JSON can hold them: neither knows NUL or lone surrogates, and indexes have bounds."""

from __future__ import annotations

from dataclasses import replace

from hub.channels.consent import Consent, Wish
from hub.channels.model import AddressKind, Inbound
from hub.channels.placeholders import placeholder
from hub.contacts.identity import known_by, lenient
from hub.contacts.numbers import WITHHELD, is_withheld
from hub.core.identifiers import identifier
from hub.core.texts import clean, clean_json, fits_json


def tidy(inbound: Inbound) -> Inbound:
    """The message with texts that can be kept and its address in normal form; what it says of itself in `meta`."""
    i = _of_nobody(inbound) if _is_nobody(inbound) else inbound
    i = _worded(i)
    if _is_plain(i):
        address = lenient(i.address_kind, i.address)
        known = known_by(i.address_kind, address)
        if known == i.address:
            return i
        return replace(i, address=known, reported=address if address != known else None)
    address = lenient(i.address_kind, clean(i.address))
    number = lenient(AddressKind.PHONE, clean(i.number)) if i.number else None
    own = {"no_auto_answer": True, "consent": _wish(i.consent)} if i.consent else {}
    return replace(
        i,
        automatic=i.automatic or _stops(i),
        name=clean(i.name)[:200],
        subject=clean(i.subject)[:1000],
        text=clean(i.text),
        html=None if i.html is None else clean(i.html),
        raw_type=clean(i.raw_type)[:200],
        dedup_key=identifier(i.dedup_key),
        external_id=identifier(i.external_id) if i.external_id else None,
        references=tuple(identifier(r) for r in i.references[:50]),
        address=known_by(i.address_kind, address),
        meta=clean_json({**i.meta, **own}),
        number=known_by(AddressKind.PHONE, number) if number else None,
        reported=_reported(i.address_kind, number or address),
    )


def _worded(i: Inbound) -> Inbound:
    """The message with words in place of those it lacks, and their code in `meta`, which nobody else writes there."""
    blank = not (i.html or i.text.strip("\x00 \t\r\n"))
    kind = i.placeholder if blank and i.placeholder is not None else "empty" if blank and _is_wordless(i) else None
    if kind is not None:
        said = placeholder(kind)
        return replace(i, text=said["text"], placeholder=None, meta={**i.meta, "said": said})
    return replace(i, meta={k: v for k, v in i.meta.items() if k != "said"}) if "said" in i.meta else i


def _reported(kind: AddressKind, number: str) -> str | None:
    """A number as it was told, where people are known by another form of it."""
    return number if known_by(kind, number) != number else None


def _is_wordless(i: Inbound) -> bool:
    """Whether a text message without words brings nothing else, of any gateway."""
    texted = i.address_kind in (AddressKind.PHONE, AddressKind.WHATSAPP)
    return texted and not (i.attachments or i.media)


def _is_nobody(i: Inbound) -> bool:
    """Whether the sender is withheld. Of names (`Private`) nobody is asked: a business may be called so."""
    return i.address_kind is AddressKind.PHONE and i.address.startswith("+") and is_withheld(i.address)


def _of_nobody(i: Inbound) -> Inbound:
    """The message as that of somebody who is met this once, and cannot be answered."""
    address = identifier(f"withheld:{i.dedup_key}")
    return replace(i, address_kind=AddressKind.VISITOR, address=address, name=WITHHELD, number=None, verified=False)


def _is_plain(i: Inbound) -> bool:
    """Whether nothing of it but the address needs tidying, as with most short messages: making it anew costs more."""
    return (
        not (i.html or i.consent or i.number or i.references)
        and len(i.name) <= 200
        and len(i.subject) <= 1000
        and len(i.raw_type) <= 200
        and identifier(i.dedup_key) == i.dedup_key
        and identifier(i.external_id or "") == (i.external_id or "")
        and all(isinstance(v, str) or (isinstance(v, int) and fits_json(v)) for v in i.meta.values())
        and _fits("\n".join((i.name, i.subject, i.text, i.raw_type, i.address)))
        and _fits("\n".join([*i.meta, *[v for v in i.meta.values() if isinstance(v, str)]]))
    )


def _fits(text: str) -> bool:
    """Whether PostgreSQL and JSON can hold a text as it is."""
    if "\x00" in text:
        return False
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:  # a lone surrogate
        return False


def _wish(said: Consent) -> str:
    return said.wish.value if said.certain else "perhaps"


def _stops(inbound: Inbound) -> bool:
    """Whether it is a wish to stop that is obeyed whoever talks with them: nobody has to do anything about it."""
    said = inbound.consent
    return said is not None and said.wish is Wish.STOP and (said.answered or (said.certain and not said.sentence))
