"""Whether our secret key is the one the database was written with: a value that only that key can read."""

from __future__ import annotations

import base64
from contextlib import suppress

from hub.core import log
from hub.core.db import Database
from hub.core.errors import ConfigError
from hub.core.secrets import Vault
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__, "keycheck.sql")
_PLACE = "meta.value:key_check"
_PLAIN = b"the key of this hub"


async def fits(db: Database, vault: Vault) -> bool | None:
    """Whether the key fits; None when nothing was ever encrypted here."""
    stored = await db.value(sql["read"])
    if stored is not None:
        return _readable(vault, _PLACE, base64.b64decode(stored))
    secrets = await db.dicts(sql["secrets"])  # of a hub that knew no check value
    if not secrets:
        return None
    return any(_readable(vault, f"account.secrets:{row['key']}", bytes(row["secrets"])) for row in secrets)


async def note(db: Database, vault: Vault) -> None:
    """Write the value down when the key fits, or nothing was encrypted yet; say in the log when it does not fit."""
    if await fits(db, vault) is False:
        logger.error(
            "secret_key_wrong",
            effect="accounts' secrets cannot be read, and links and reply addresses of before are not ours",
            remedy="restore the secret.key (or HUB_SECRET_KEY) the database was written with: see `hub doctor`",
        )
        return
    value = base64.b64encode(vault.encrypt(_PLACE, _PLAIN)).decode()
    await db.execute(sql["write"], {"value": value})


def _readable(vault: Vault, place: str, sealed: bytes) -> bool:
    with suppress(ConfigError):
        vault.decrypt(place, sealed)
        return True
    return False
