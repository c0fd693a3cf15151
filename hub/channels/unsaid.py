"""Messages without words of their own: what is said in their place, so that none is an empty line.

The phrases are English and fixed; screens say them in the reader's language (`hub/ui/desk/parts/said.ts`).
"""

from __future__ import annotations

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


def phrase(kind: str) -> str:
    """What to show for a message of a kind; of one that we do not know, its name."""
    kind = "".join(c for c in kind.strip() if c.isalnum() or c in " _-")[:40]
    return _KINDS.get(kind.lower() or "empty") or f"(A message that cannot be shown here: {kind})"
