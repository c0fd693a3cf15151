"""A customer's mail that one of us passed on to a mailbox: the customer is who it is about, not the colleague."""

from __future__ import annotations

from dataclasses import replace

from hub.channels.model import Inbound
from hub.core.db import Database
from hub.core.sql import Queries

sql = Queries.beside(__file__, "forwards.sql")
_OWN = "our own address"  # why a connector takes a mail for a robot's; here it is an alias that passes on


async def unwrapped(db: Database, inbound: Inbound) -> Inbound:
    """The message as its first sender's, if somebody of ours forwarded it; else unchanged.

    Never as a proved one: what stands in a forwarded text is the colleague's word at best. Whoever else forwards
    something is a customer who shows it to us.
    """
    found = inbound.meta.get("forwarded")
    if not isinstance(found, dict) or not (address := str(found.get("address") or "")):  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - any JSON
        return inbound
    values = {"forwarder": inbound.address.strip().lower(), "sender": address.strip().lower()}
    if not await db.value(sql["ours"], values):
        return inbound
    by = f"{inbound.name} <{inbound.address}>" if inbound.name else inbound.address
    automatic = inbound.automatic and inbound.meta.get("automatic") != _OWN
    return replace(
        inbound,
        address=address,
        name=str(found.get("name") or ""),  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - any JSON
        verified=False,
        automatic=automatic,
        meta={**inbound.meta, "forwarded_by": by, "automatic": inbound.meta.get("automatic") if automatic else None},
    )
