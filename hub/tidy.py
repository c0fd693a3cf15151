"""Texts as PostgreSQL and JSON can hold them: neither knows NUL or lone surrogates, and indexes have bounds."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from hub.channels.consent import Wish
from hub.channels.model import AddressKind, Inbound
from hub.contacts.identity import lenient


def tidy(inbound: Inbound) -> Inbound:
    """The message with texts that can be kept and its address in normal form; what it says of itself in `meta`."""
    i = inbound
    if _is_plain(i):
        address = lenient(i.address_kind, i.address)
        return i if address == i.address else replace(i, address=address)
    own = {"no_auto_answer": True, "consent": i.consent.wish.value} if i.consent else {}
    return replace(
        i,
        automatic=i.automatic or _answered_stop(i),
        name=clean(i.name)[:200],
        subject=clean(i.subject)[:1000],
        text=clean(i.text),
        html=None if i.html is None else clean(i.html),
        raw_type=clean(i.raw_type)[:200],
        external_id=clean(i.external_id)[:1000] if i.external_id else None,
        references=tuple(clean(r)[:1000] for r in i.references[:50]),
        address=lenient(i.address_kind, clean(i.address)),
        meta=clean_json({**i.meta, **own}),
        number=lenient(AddressKind.PHONE, clean(i.number)) if i.number else None,
    )


def _is_plain(i: Inbound) -> bool:
    """Whether nothing of it but the address needs tidying, as with most short messages: making it anew costs more."""
    return (
        not (i.html or i.consent or i.number or i.references)
        and len(i.name) <= 200
        and len(i.subject) <= 1000
        and len(i.raw_type) <= 200
        and len(i.external_id or "") <= 1000
        and all(isinstance(v, (int, str)) for v in i.meta.values())
        and _fits("\n".join((i.name, i.subject, i.text, i.raw_type, i.external_id or "", i.address)))
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


def _answered_stop(inbound: Inbound) -> bool:
    """Whether there is nothing left to do for anybody: the provider has ended it and said so."""
    said = inbound.consent
    return said is not None and said.answered and said.wish is Wish.STOP


def key_of(key: str) -> str:
    """The sender's key as it is kept: an index entry is bounded (2,704 bytes), so what is longer is its hash."""
    return clean(key) if len(key) <= 500 else "sha256:" + hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def clean(text: str) -> str:
    """The text with signs in place of what cannot be kept."""
    return (
        text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
        if not text.isascii() or "\x00" in text
        else text
    )


def clean_json(value: dict[str, Any]) -> dict[str, Any]:
    """The same for every text within a value."""

    def walk(node: Any) -> Any:
        match node:
            case str():
                return clean(node)
            case dict():
                return {clean(str(k)): walk(v) for k, v in node.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - any JSON
            case list() | tuple():
                return [walk(v) for v in node]  # pyright: ignore[reportUnknownVariableType] - any JSON
            case _:
                return node

    return walk(value)
