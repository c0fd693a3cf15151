"""Reply tokens: the signed part of an address that brings an answer back to its conversation.

`c{conversation}-{signature}`: only letters, digits and a hyphen, so that it survives in the local part of any mail
address (`support+c17-k3v…@example.com`) and in the local part of a Message-ID.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice

from hub.core.secrets import Vault

_TOKEN = re.compile(r"\bc([1-9][0-9]{0,17})-([a-z2-7]{16})\b", re.IGNORECASE)
_MESSAGE = re.compile(
    r"<([1-9][0-9]{0,17})\.c[1-9][0-9]{0,17}-[a-z2-7]{16}\.([a-z2-7]{16})@[^<>@\s]{1,255}>", re.IGNORECASE
)
_RATING = re.compile(r"(?<![0-9])([1-9][0-9]{0,17})-([0-9]{1,10})-([a-z2-7]{26})(?![a-z2-7])")
_MOST = 200  # signatures that are checked for one mail
_PURPOSE = "reply"


def reply_token(vault: Vault, conversation_id: int) -> str:
    """The token for one conversation; it never expires and opens nothing but this thread's inbox."""
    return f"c{conversation_id}-{vault.sign(_PURPOSE, str(conversation_id))}"


def conversation_of(vault: Vault, candidates: Iterable[str]) -> int | None:
    """The conversation of the first genuine token found in `candidates`; forged ones count for nothing."""
    found = (match for candidate in candidates for match in _TOKEN.finditer(candidate))
    for match in islice(found, _MOST):
        if vault.verify(_PURPOSE, match[1], match[2]):
            return int(match[1])
    return None


def message_id(vault: Vault, conversation_id: int, interaction_id: int, domain: str) -> str:
    """Our Message-ID (RFC 5322 §3.6.4): unique by interaction, carrying the reply token, and signed as a whole.

    The last part is what nobody can make who has not seen this very message, other messages of ours or not.
    """
    signature = vault.sign("message", str(interaction_id))
    return f"<{interaction_id}.{reply_token(vault, conversation_id)}.{signature}@{domain}>"


def message_of(vault: Vault, found: str) -> int | None:
    """The interaction whose genuine Message-ID this is."""
    match = _MESSAGE.fullmatch(found.strip())
    return int(match[1]) if match and vault.verify("message", match[1], match[2]) else None


def unsubscribe_token(vault: Vault, address_id: int) -> str:
    """The token of the page where the owner of an address ends what goes to many; it opens nothing else."""
    return f"{address_id}-{vault.sign('unsubscribe', str(address_id), length=26)}"


def unsubscribing(vault: Vault, token: str) -> int | None:
    """The address a genuine token names."""
    found = re.fullmatch(r"([1-9][0-9]{0,17})-([a-z2-7]{26})", token)
    return int(found[1]) if found and vault.verify("unsubscribe", found[1], found[2]) else None


def rating_token(vault: Vault, conversation_id: int, until: datetime) -> str:
    """The token of the page where a customer says how it was, until then; it opens nothing else."""
    said = f"{conversation_id}-{int(until.timestamp())}"
    return f"{said}-{vault.sign('rating', said, length=26)}"


def rating_of(vault: Vault, token: str) -> tuple[int, datetime] | None:
    """The conversation that a genuine token names, and when its time is over."""
    found = _RATING.fullmatch(token)
    if not found or not vault.verify("rating", f"{found[1]}-{found[2]}", found[3]):
        return None
    return int(found[1]), datetime.fromtimestamp(int(found[2]), UTC)


def without_rating(vault: Vault, text: str) -> str:
    """A text in which the page of a survey is named, as a quoted mail may do, without what opens it."""
    return _RATING.sub(lambda found: found[0] if rating_of(vault, found[0]) is None else "…", text)


def file_token(vault: Vault, attachment_id: int, until: datetime) -> str:
    """The token of the public address of one file, until then; for providers that fetch what we send."""
    said = f"{attachment_id}-{int(until.timestamp())}"
    return f"{said}-{vault.sign('file', said, length=32)}"


def file_of(vault: Vault, token: str, at: datetime) -> int | None:
    """The attachment that a genuine token names, unless its time is over."""
    found = re.fullmatch(r"([1-9][0-9]{0,17})-([0-9]{1,12})-([a-z2-7]{32})", token)
    if not found or not vault.verify("file", f"{found[1]}-{found[2]}", found[3]):
        return None
    return int(found[1]) if datetime.fromtimestamp(int(found[2]), UTC) > at else None
