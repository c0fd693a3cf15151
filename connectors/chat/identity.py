"""Who a site says its visitor is: claimed by the page or a form, or proved by a token that the site has signed.

A claim never opens a thread: it only names the visitor of this browser, and another claim is another visitor. Proof
opens the thread of the person it names, on any browser. It is a JWT (RFC 7519) by the site's own server, signed with
the account's `identity_key` (HS256 and nothing else, whatever the token says), for this site (`aud`), for a while.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import Any

import jwt

from connectors.chat.settings import Settings
from connectors.chat.token import Visitor, fresh
from hub.core.clock import now

LONGEST = 3600  # seconds a proof may be good for: a stolen one is soon worth nothing
_LEEWAY = 30  # seconds that two clocks may differ
_MAX = 8192  # characters of a token
_MAX_SUBJECT = 200


@dataclass(frozen=True, slots=True)
class Claim:
    """What a page or form says of the visitor.

    `proof` is the site's JWT; `by_page` tells the site's own `identify` from a form that the visitor filled in.
    """

    name: str = ""
    email: str = ""
    proof: str | None = None
    by_page: bool = False

    def __bool__(self) -> bool:
        return bool(self.name or self.email or self.proof)


@dataclass(frozen=True, slots=True)
class Proof:
    """Whom a site's token names; name and e-mail are what the site knows of them. `expired`: it was good once."""

    subject: str
    name: str
    email: str
    expired: bool


class Refused(Exception):
    """A claim that is not taken: the visitor goes on without it.

    `code` is for programs, `detail` for the developer of the site.
    """

    def __init__(self, code: str, detail: str):
        super().__init__(detail)
        self.code = code
        self.detail = detail


def verify(settings: Settings, site: str, token: str) -> Proof:
    """Whom the token names. `Refused` says what is wrong with it, for the developer of the site."""
    keys = [k.get_secret_value() for k in (settings.identity_key, settings.identity_key_old) if k is not None]
    if not keys:
        raise Refused("no_key", "This site has no identity_key: configure one to prove identities.")
    if len(token) > _MAX:
        raise Refused("invalid", f"The identity token is longer than {_MAX} characters.")
    facts = _decoded(keys, site, token)
    subject = facts["sub"]
    if not subject or len(subject) > _MAX_SUBJECT:
        raise Refused("invalid", f"`sub` must be a text of 1 to {_MAX_SUBJECT} characters.")
    left = _number(facts["exp"]) - now().timestamp()
    if left > LONGEST + _LEEWAY:
        raise Refused("too_long", f"The identity token must expire within {LONGEST} seconds.")
    return Proof(subject, _words(facts.get("name"), 120), _words(facts.get("email"), 254), expired=left < -_LEEWAY)


def _decoded(keys: list[str], site: str, token: str) -> dict[str, Any]:
    wrong: Exception | None = None
    for key in keys:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=["HS256"],
                audience=site,
                leeway=_LEEWAY,
                options={"require": ["sub", "exp", "aud"], "verify_exp": False},  # who was proved before may be late
            )
        except (jwt.InvalidTokenError, ValueError, OverflowError) as error:
            wrong = error
    raise Refused("invalid", f"The identity token is not valid: {wrong}") from wrong


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 2**53:
        raise Refused("invalid", "`exp` must be a time in seconds.")
    return float(value)


def same_person(known: Visitor, claim: Claim) -> bool:
    """Whether a claim may be about the visitor a browser's token names: in doubt it is another one."""
    if not claim or not (known.name or known.email):
        return True
    if claim.email and known.email:
        return _folded(claim.email) == _folded(known.email)
    if claim.name and known.name:
        return _folded(claim.name) == _folded(known.name)
    return False


def claimed(known: Visitor, claim: Claim, settings: Settings) -> Visitor:
    """The visitor after a claim without proof. `Refused` where the site wants proof of what its pages claim."""
    if claim.by_page and claim and settings.identity == "required":
        raise Refused("proof_required", "This site takes identities only with a signed token.")
    if known.subject or not same_person(known, claim):
        known = fresh()  # what was proved is continued by proof alone
    return replace(known, name=claim.name or known.name, email=claim.email or known.email)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _words(value: object, limit: int) -> str:
    return " ".join(value.replace("\x00", "").split())[:limit] if isinstance(value, str) else ""
