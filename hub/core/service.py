"""What a long-running part of the hub gets, and what it must offer.

The hub finds services by the entry-point group `hub.services`; a wing adds one without the hub knowing its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault


@dataclass(frozen=True, slots=True)
class Core:
    """The four things every part shares in one process."""

    db: Database
    feed: Feed
    vault: Vault
    public_url: str  # where customers and providers reach us, without a trailing slash


class Service(Protocol):
    """A leased background part: `run` until cancelled. Constructed as `Service(core)`."""

    name: str

    async def run(self) -> None:
        """Do the work until cancelled; wait for the lease yourself (`hub.core.leases.Lease.hold`)."""
        ...
