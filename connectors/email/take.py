"""One mail into the hub, from whichever wire: parse, report what it reports, store, or keep it in quarantine."""

from __future__ import annotations

import asyncio

from connectors.email.bounces import bounced_outbound, to_delivery
from connectors.email.parse import RAW_TYPE, Envelope, Mail, dedup_key, parse
from connectors.email.settings import Settings
from hub.channels.model import Accept, Account
from hub.core import log
from hub.core.errors import Invalid, Unavailable
from hub.core.secrets import Vault

logger = log.get(__name__)
_INLINE = 64 * 1024  # larger mails are parsed in a thread, so that the loop goes on
_PARSE_SECONDS = 30.0


async def take(accept: Accept, vault: Vault, account: Account, raw: bytes, envelope: Envelope) -> bool:
    """Returns after the commit; whether it went to quarantine instead. `Unavailable`: nothing was kept."""
    try:
        mail = await _parsed(account, raw, envelope)
    except TimeoutError:
        await _quarantine(accept, account, raw, envelope, f"Reading it took longer than {_PARSE_SECONDS:.0f} s.")
        return True
    except Invalid as error:
        await _quarantine(accept, account, raw, envelope, error.detail)
        return True
    except Exception as error:
        # Whatever a message does to the parser, it is kept and the next one passes.
        logger.exception("mail_unreadable", account=account.key, size=len(raw))
        await _quarantine(accept, account, raw, envelope, f"It could not be read: {type(error).__name__}.")
        return True
    return await _hand_over(accept, vault, account, mail, envelope)


async def _parsed(account: Account, raw: bytes, envelope: Envelope) -> Mail:
    if len(raw) <= _INLINE:
        return read(account, raw, envelope)
    async with asyncio.timeout(_PARSE_SECONDS):
        return await asyncio.to_thread(read, account, raw, envelope)


def read(account: Account, raw: bytes, envelope: Envelope) -> Mail:
    """Parse one mail of this account."""
    settings: Settings = account.settings
    return parse(raw, account_id=account.id, envelope=envelope, own=account.address, trusted=settings.authserv_id)


async def _hand_over(accept: Accept, vault: Vault, account: Account, mail: Mail, envelope: Envelope) -> bool:
    if mail.report is not None:
        delivery = to_delivery(mail.report, bounced_outbound(vault, mail.inbound.tokens))
        if delivery is not None:
            await accept.delivery(delivery)
    try:
        await accept.message(mail.inbound)
    except Unavailable:
        raise
    except Invalid as error:
        await _quarantine(accept, account, mail.inbound.raw, envelope, error.detail)
        return True
    return False


async def _quarantine(accept: Accept, account: Account, raw: bytes, envelope: Envelope, reason: str) -> None:
    await accept.quarantine(
        connector="email",
        account_id=account.id,
        dedup_key=dedup_key(raw),
        raw=raw,
        raw_type=RAW_TYPE,
        reason=reason,
        meta={"mail_from": envelope.mail_from, "rcpt_to": list(envelope.rcpt_to)},
    )
