"""The visitor's token: who they are on this site, for as long as it says, readable by us alone.

It is encrypted and authenticated by the vault and bound to its site, so that it can neither be made, changed, read
nor used on another site. Nothing is stored until the visitor's first message.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from dataclasses import dataclass

import orjson

from hub.core.errors import ConfigError, Unauthorized
from hub.core.secrets import Vault

_MAX = 4096


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who writes. `id` is ours and random; name and e-mail are what they claim, or what the site says of `subject`.

    `subject` is whom the site has proved them to be; empty: nobody. `browser` names the browser that the token was
    made for: signing out there ends all tokens of it.
    """

    id: str
    name: str = ""
    email: str = ""
    locale: str | None = None
    subject: str = ""
    browser: str = ""


def fresh() -> Visitor:
    """A visitor nobody has seen before."""
    return Visitor(secrets.token_hex(16), browser=secrets.token_hex(16))


def issue(vault: Vault, site: str, visitor: Visitor, days: int) -> str:
    """A token for `visitor` on `site`, good for `days`."""
    expires = int(time.time()) + days * 86400
    facts = {
        "v": visitor.id,
        "n": visitor.name,
        "e": visitor.email,
        "l": visitor.locale,
        "s": visitor.subject,
        "b": visitor.browser,
        "x": expires,
    }
    sealed = vault.encrypt(_place(site), orjson.dumps(facts))
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def read(vault: Vault, site: str, token: object) -> Visitor:
    """The visitor a token names; `Unauthorized` when it is not ours, not this site's, or too old."""
    if not isinstance(token, str) or not 40 <= len(token) <= _MAX or not token.isascii():
        raise Unauthorized("The chat token is not valid.")
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        facts = orjson.loads(vault.decrypt(_place(site), sealed))
    except (binascii.Error, ValueError, ConfigError):
        raise Unauthorized("The chat token is not valid.") from None
    if facts["x"] < time.time():
        raise Unauthorized("The chat token has expired.")
    # Tokens of an earlier version know neither proof nor browser.
    return Visitor(facts["v"], facts["n"], facts["e"], facts["l"], facts.get("s", ""), facts.get("b") or facts["v"])


def _place(site: str) -> str:
    return f"chat.visitor:{site}"
