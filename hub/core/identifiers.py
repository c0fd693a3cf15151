"""Names that others give to things, as they are kept and looked up.

Message ids, delivery ids, call ids, keys against duplicates and addresses are chosen by senders and providers, and are
indexed. An index entry of PostgreSQL holds 2,704 bytes, whatever the number of characters; a longer one cannot be
stored, and its message would come back for ever. So every writer and every look-up passes such a name through
`identifier`, and a name that is too long is known by its hash: the same name finds the same row.
"""

from __future__ import annotations

import hashlib

from hub.core.texts import clean

MOST_BYTES = 1000  # of UTF-8: RFC 5322 lines end at 998, and two such names still fit one index entry


def identifier(value: str, most: int = MOST_BYTES) -> str:
    """`value` as it may be indexed: itself, or `sha256:…` where it is longer than `most` bytes.

    What PostgreSQL cannot hold (NUL, lone surrogates) is replaced first, as `clean` does.
    """
    # A character is at least one byte and at most four: most names need no look at their bytes.
    if len(value) * 4 <= most and value.isascii() and "\x00" not in value:
        return value
    value = clean(value)
    data = value.encode()
    return value if len(data) <= most else f"sha256:{hashlib.sha256(data).hexdigest()}"
