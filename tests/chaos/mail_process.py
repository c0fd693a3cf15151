"""The mail connector and the intake in a process of their own, to be killed: what `hub serve` runs for mailboxes."""

from __future__ import annotations

import asyncio
import sys

from connectors.email import Email
from hub.channels.accounts import Accounts
from hub.core import log
from hub.core.service import Addresses, open_core
from hub.messages.intake import Intake


async def main() -> None:
    async with open_core(Addresses.from_environment(), pool=8) as core:
        email = Email(core)
        accounts = Accounts(core.db, core.vault, {"email": email})
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await email.run(Intake(core, accounts, {"email": email}))


if __name__ == "__main__":
    log.configure(json=False, level="warning")
    asyncio.run(main())
