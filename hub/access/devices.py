"""The cookie by which a browser is known to have signed in before: it vouches for nothing but its own counter."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass

import orjson

from hub.core.errors import ConfigError
from hub.core.secrets import Vault

DAYS = 400  # browsers keep no cookie longer
_PEOPLE = 10  # a terminal of a call center has many; the last ten are known
_PLACE = "cookie:device"


@dataclass(frozen=True, slots=True)
class Device:
    """One browser: a random id and the agents who have signed in on it, the latest first."""

    id: str
    agents: tuple[int, ...] = ()

    def with_agent(self, agent_id: int) -> Device:
        """The same browser, after `agent_id` has signed in."""
        return Device(self.id, (agent_id, *[a for a in self.agents if a != agent_id])[:_PEOPLE])


def read(vault: Vault, cookie: str | None) -> Device:
    """The browser a cookie names; a new one when there is none, or it is not ours."""
    if cookie and len(cookie) <= 1024:
        try:
            facts = orjson.loads(vault.decrypt(_PLACE, base64.b64decode(cookie, altchars=b"-_", validate=True)))
            return Device(facts["d"], tuple(facts["a"]))
        except (binascii.Error, ValueError, ConfigError):
            pass  # made under another key, or by somebody else: as good as none
    return Device(secrets.token_hex(16))


def write(vault: Vault, device: Device) -> str:
    """The cookie's value."""
    sealed = vault.encrypt(_PLACE, orjson.dumps({"d": device.id, "a": device.agents}))
    return base64.urlsafe_b64encode(sealed).decode()
