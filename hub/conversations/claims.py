"""Which matter a mail claims to belong to, when it came back to no signed address of ours.

In order: the signed part of an id of ours that a server rewrote, a signed address quoted in the text, a number in the
subject (`[#123]`). None of these proves anything, since whoever was sent the mail on has them too: they only add the id
of a message of that matter to what the mail answers, and the SQL function `intake` joins it for those who took part.
"""

from __future__ import annotations

import re
from dataclasses import replace

from hub.channels.model import Inbound
from hub.conversations import tokens
from hub.core.db import Database
from hub.core.secrets import Vault
from hub.core.sql import Queries

sql = Queries.beside(__file__, "claims.sql")
_NUMBER = re.compile(r"\[#([1-9][0-9]{0,17})\]")
_QUOTED = 20_000  # characters of the text that are searched


async def traced(db: Database, vault: Vault, inbound: Inbound) -> Inbound:
    """The mail with one more reference, if it claims a matter of ours; else unchanged."""
    text = str(inbound.meta.get("full_text") or inbound.text)[:_QUOTED]
    number = _NUMBER.search(inbound.subject)
    claimed = tokens.conversation_of(vault, [*inbound.references, text])
    if claimed is None and number is None:
        return inbound
    known = await db.value(
        sql["message_of"], {"id": claimed if claimed is not None else int(number[1] if number else 0)}
    )
    return inbound if known is None else replace(inbound, references=(*inbound.references, str(known)))
