"""Which matter a mail claims to belong to, when it came back to no signed address of ours.

What lets a mail join a matter is said here and in the SQL function `intake`, and nowhere else:

1. A signed address of ours among its recipients (`tokens`), whoever wrote it: only our own mail names it.
2. An id of a message of the matter among those it answers, if its From took part in the matter. Ids cannot be guessed.
3. The signed part of such an id that a server rewrote, or a signed address quoted in the text: as 2.
4. A number in the subject (`[#123]`), which anybody can guess, if its From took part **and is proved**: From is easily
   forged, and a forged customer must not be able to speak in the customer's matter.

2 to 4 add the id of a message of the matter to what the mail answers, and `intake` joins it for those who took part. A
number that proves nothing is noted (`meta.claims`), so that whoever reads the mail sees which matter it names.
"""

from __future__ import annotations

import re
from dataclasses import replace

from hub.channels.model import Inbound
from hub.core.db import Database
from hub.core.secrets import Vault
from hub.core.sql import Queries
from hub.messages import tokens

sql = Queries.beside(__file__, "claims.sql")
_NUMBER = re.compile(r"\[#([1-9][0-9]{0,17})\]")
_QUOTED = 20_000  # characters of the text that are searched


async def traced(db: Database, vault: Vault, inbound: Inbound) -> Inbound:
    """The mail with one more reference, if it claims a matter of ours; else unchanged."""
    text = str(inbound.meta.get("full_text") or inbound.text)[:_QUOTED]
    claimed = tokens.conversation_of(vault, [*inbound.references, text])
    if claimed is None and (number := _NUMBER.search(inbound.subject)):
        if not inbound.verified:
            return replace(inbound, meta={**inbound.meta, "claims": int(number[1])})
        claimed = int(number[1])
    known = None if claimed is None else await db.value(sql["message_of"], {"id": claimed})
    return inbound if known is None else replace(inbound, references=(*inbound.references, str(known)))
