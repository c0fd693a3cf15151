"""One mail into the hub, from whichever wire: parse, report what it reports, store, or keep it in quarantine."""

from __future__ import annotations

import asyncio

from connectors.email.bounces import to_delivery
from connectors.email.parse import RAW_TYPE, Envelope, Known, Mail, dedup_key
from connectors.email.readers import READERS, Job
from connectors.email.settings import Settings
from hub.channels.model import Accept, Account
from hub.core.errors import Invalid, Unavailable
from hub.core.secrets import Vault


async def receive(accept: Accept, vault: Vault, account: Account, raw: bytes, envelope: Envelope) -> bool:
    """Returns after the commit; whether it went to quarantine instead. `Unavailable`: nothing was kept."""
    try:
        mail = await READERS.read(_job(account, envelope), raw)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - a mail that comes back for ever stops those behind it
        reason = error.detail if isinstance(error, Invalid) else f"It could not be read: {type(error).__name__}."
        await _quarantine(accept, account, raw, envelope, reason)
        return True
    return await _hand_over(accept, vault, account, mail, envelope)


def read(account: Account, raw: bytes, envelope: Envelope) -> Mail:
    """Parse one mail of this account again; blocks."""
    return READERS.read_now(_job(account, envelope), raw)


def _job(account: Account, envelope: Envelope) -> Job:
    settings: Settings = account.settings
    return Job(
        account.id,
        envelope,
        account.address,
        settings.authserv_id,
        Known(tuple(settings.aliases), tuple(settings.forms), tuple(settings.languages)),
    )


async def _hand_over(accept: Accept, vault: Vault, account: Account, mail: Mail, envelope: Envelope) -> bool:
    if mail.report is not None:
        delivery = to_delivery(mail.report, vault, mail.inbound.tokens, from_nobody=_from_nobody(mail, envelope))
        if delivery is not None:
            await accept.delivery(delivery)
    try:
        accepted = await accept.message(mail.inbound)
    except Invalid as error:  # the account is gone
        await _quarantine(accept, account, mail.inbound.raw, envelope, error.detail)
        return True
    return not accepted.raw_id


def _from_nobody(mail: Mail, envelope: Envelope) -> bool:
    """Whether the mail has no sender to return it to, as reports of servers have none, or nobody knows."""
    return envelope.mail_from == "" if envelope.mail_from is not None else mail.from_nobody is not False


async def _quarantine(accept: Accept, account: Account, raw: bytes, envelope: Envelope, reason: str) -> None:
    await accept.quarantine(
        connector="email",
        account_id=account.id,
        dedup_key=await asyncio.to_thread(dedup_key, raw),
        raw=raw,
        raw_type=RAW_TYPE,
        reason=reason,
        meta={"mail_from": envelope.mail_from, "rcpt_to": list(envelope.rcpt_to)},
    )
