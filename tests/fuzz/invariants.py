"""What holds of every mail, whatever its bytes."""

from __future__ import annotations

from connectors.email.header import MAX_ADDRESSES
from connectors.email.parse import Mail, dedup_key


def kept(raw: bytes, mail: Mail) -> None:
    """Every promise about one parsed mail; an AssertionError names the broken one."""
    inbound = mail.inbound
    assert inbound.raw == raw
    assert inbound.dedup_key == dedup_key(raw)
    assert "@" in inbound.address.strip("@") or inbound.address in {"mailer-daemon", "postmaster", "root", "daemon"}
    for text in (inbound.subject, inbound.text, inbound.name, inbound.address, inbound.html or ""):
        assert "\x00" not in text
        text.encode()
    assert "\n" not in inbound.subject + inbound.name + inbound.address
    full = inbound.meta.get("full_text") or inbound.text
    assert bool(inbound.text.strip()) == bool(full.strip())  # nothing is ever cut to nothing
    assert len(inbound.attachments) <= 300
    assert len(inbound.meta.get("to", [])) <= MAX_ADDRESSES
    end = inbound.meta.get("html_own_end")
    assert end is None or 0 <= end <= len(inbound.html or "")
