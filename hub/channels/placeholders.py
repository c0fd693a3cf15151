"""Messages without words of their own: what is said in their place, so that none is an empty line.

A connector names the kind in `Inbound.placeholder`; the message is stored with the English of it, and the code beside.
"""

from __future__ import annotations

from typing import Any

_KINDS = {
    "empty": "(An empty message)",
    "sticker": "(A sticker)",
    "contacts": "(A contact)",
    "order": "(An order)",
    "form": "(Answers to a form)",
    "location": "(A place)",
    "reaction": "(Took a reaction back)",
    "call": "(A call on WhatsApp)",
    "system": "(A notice of WhatsApp)",
    "poll": "(A poll)",
    "product": "(A question about a product)",
    "file": "(A file that did not come along)",
}


def placeholder(kind: str) -> dict[str, Any]:
    """What to show for a message of a kind, as `code`, `params` and English `text`; of an unknown kind, its name."""
    kind = "".join(c for c in kind.strip() if c.isalnum() or c in " _-")[:40]
    known = kind.lower() or "empty"
    if known in _KINDS:
        return {"code": f"unsaid.{known}", "params": {}, "text": _KINDS[known]}
    text = f"(A message that cannot be shown here: {kind})"
    return {"code": "unsaid.unknown", "params": {"kind": kind}, "text": text}


def phrase(kind: str) -> str:
    """The English of it."""
    return str(placeholder(kind)["text"])
