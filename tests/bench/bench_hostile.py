"""What a stranger can cost the loop of a web process: the worst input of each kind, against each call that reads it.

What may take longer is not called there: it runs in a process that may be lost (`hub.core.sandbox`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from connectors.chat import token
from connectors.chat.protocol import parse
from connectors.email.authentication import proves
from connectors.email.parse import dedup_key
from connectors.httpsms.mapping import document, text_at
from connectors.twilio.webhook import Terms as TwilioTerms
from connectors.twilio.webhook import consent, parse_form, signed
from hub.access.api.signin import SignIn
from hub.channels.consent import spoken
from hub.channels.model import AddressKind, Inbound, Page
from hub.contacts.identity import as_dialled, lenient
from hub.core.errors import HubError
from hub.core.secrets import Vault
from hub.core.texts import clean_json
from hub.messages import html, tokens
from hub.messages.cleaning import tidy
from hub.web.endpoints import _named, dumps
from tests.bench.stage import Figure

MOST = 0.1  # seconds that anything may take in the loop, on this machine
VAULT = Vault(b"bench-key-" * 8)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call, by name, and its worst inputs."""

    name: str
    call: Callable[[Any], object]
    inputs: dict[str, Any]


def _deep(size: int) -> bytes:
    return b"[" * (size // 2) + b"]" * (size // 2)


def _keys(size: int) -> bytes:
    """An object of about so many bytes, with as many fields as fit."""
    return orjson.dumps({f"{n:x}": 1 for n in range(size // 10)})


def _mail(text: str, **more: Any) -> Inbound:
    return Inbound(1, "k", b"", "message/rfc822", AddressKind.EMAIL, "a@b.example", text, **more)


def _fields(body: bytes) -> object:
    try:
        return SignIn.model_validate_json(body, strict=True)
    except ValidationError as error:
        return _named(error, "body")


def _form(body: bytes) -> object:
    form = parse_form(body)
    return signed(["t" * 32], "https://hub.example/hooks/twilio/sms/sms", form, "x" * 28, None), consent(
        form, TwilioTerms()
    )


def _attempts() -> list[Attempt]:
    kb64, kb256 = 64 * 1024, 256 * 1024
    forged = "c1-aaaaaaaaaaaaaaaa "
    many = html.page("".join(f'<img src="https://x.example/{n % 900}">' for n in range(55_000)))
    long = html.page("".join(f'<img src="https://x.example/{n}{"a" * 1900}">' for n in range(1000)))
    row = {"id": 1, "text": "x" * 50_000, "html": "y" * 200_000}
    return [
        Attempt("sign-in: JSON", _fields, {"keys": _keys(kb64), "deep": _deep(kb64), "one key": b'{"' + b"x" * 60_000 + b'":1}'}),
        Attempt("Twilio: form, signature, words", _form, {
            "fields": "&".join(f"f{n}=%41" for n in range(1000)).encode(), "escapes": b"Body=" + b"%E5" * (kb256 // 3),
            "one field": b"Body=" + b"stop " * (kb256 // 5)}),
        Attempt("gateway: any document", lambda b: text_at(document(b, "text/plain"), "a.b.c"), {
            "deep": _deep(kb256), "keys": _keys(kb256), "fields": b"a=1&" * 999 + b"x" * 100_000, "numbers": b"[" + b"1e308," * 40_000 + b"1]"}),
        Attempt("chat: frame", parse, {"deep": _deep(kb64).decode(), "keys": _keys(kb64).decode(), "escapes": '"' + "\\u0041" * 10_000 + '"'}),
        Attempt("chat: token", lambda t: _refused(token.read, VAULT, "web", t), {"longest": "A" * 4096, "odd": "-_" * 2000}),
        Attempt("words of consent", spoken, {"long": "stop " * 50_000, "odd": "\u0301" * 250_000, "blank": " " * 250_000}),
        Attempt("addresses", lambda a: lenient(*a), {
            "mail": (AddressKind.EMAIL, "a." * 300 + "@" + "xn--a." * 50), "odd mail": (AddressKind.EMAIL, "ä" * 60 + "@" + "ü." * 120 + "de"),
            "digits": (AddressKind.PHONE, "+" + "1" * 250), "long": (AddressKind.PHONE, "+" + "1 " * 100_000)}),
        Attempt("numbers as dialled", lambda a: as_dialled(a, "DE"), {"long": "0" * 250_000, "odd": "(" * 250_000}),
        Attempt("mail: tidied", tidy, {
            "text": _mail("\x00ä" * 250_000, html="ü\x00" * 1_000_000), "references": _mail("x", references=("ü" * 9000,) * 50),
            "meta": _mail("x", meta={"full_text": "\ud800" * 500_000, "to": ["a@b.example"] * 500})}),
        Attempt("mail: signed addresses", lambda t: tokens.conversation_of(VAULT, t), {
            "forged": [forged * 1000] + [forged * 50] * 50, "nearly": ["c" * 20_000, "c1-" * 7000, "c" + "9" * 20_000]}),
        Attempt("mail: its key", dedup_key, {"header": b"a\n" * 16_000, "fields": b"received: x\n" * 2700, "body": b"a: b\n\n" + b"\n" * 32_000}),
        Attempt("mail: what a server found", lambda v: proves(v, "mx", "b.example"), {
            "parts": b"mx;" + b"a=b;" * 4000, "comments": b"mx;" + b"(" * 16_000, "quotes": b'mx; a=b c="' + b"\\" * 16_000, "props": b"mx; a=b" + b" c.d=e@f" * 2000}),
        Attempt("page of a message, shown", lambda p: html.shown(p, [], remote=True) and None, {"pictures": many, "addresses": long, "long": Page("<" * 2_000_000)}),
        Attempt("any value as JSON", clean_json, {"wide": {f"k{n}": "\x00" for n in range(20_000)}, "deep": {"a": [["x"] * 100] * 300}}),
        Attempt("a list of fifty messages as JSON", dumps, {"longest": [row] * 50}),
    ]  # fmt: skip


def _refused(call: Callable[..., object], *args: Any) -> object:
    try:
        return call(*args)
    except HubError as error:
        return error


def once() -> None:
    """Each call once with each of its inputs: for a process whose processor time the kernel bounds."""
    for attempt in _attempts():
        for value in attempt.inputs.values():
            with contextlib.suppress(HubError, ValueError):
                attempt.call(value)


def _worst(attempt: Attempt) -> tuple[float, str]:
    """The slowest input: the best of three tries each, since others use this machine too."""
    found: dict[str, float] = {}
    for name, value in attempt.inputs.items():
        times: list[float] = []
        for _ in range(3):
            began = time.process_time()
            with contextlib.suppress(HubError, ValueError):  # a refusal is an answer, and costs as well
                attempt.call(value)
            times.append(time.process_time() - began)
        found[name] = min(times)
    worst = max(found, key=lambda name: found[name])
    return found[worst], worst


async def run() -> list[Figure]:
    """The worst of each, in milliseconds of processor time."""
    figures: list[Figure] = []
    for attempt in _attempts():
        seconds, kind = await asyncio.to_thread(_worst, attempt)
        figures.append(
            Figure(f"{attempt.name} ({kind})", f"{seconds * 1000:.1f} ms", f"<= {MOST * 1000:.0f} ms", seconds <= MOST)
        )
    return figures
