"""The words of IMAP: names, sets of UIDs, and what stands in an answer. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

UID = re.compile(rb"\bUID (\d+)")
SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_DATE = re.compile(rb'\bINTERNALDATE "([^"]{10,40})"')
LISTED = re.compile(rb"^(?:LIST )?\(([^)]*)\) (?:\"(?:[^\"\\]|\\.)\"|NIL) (.+)$")
_FETCH = re.compile(rb"^\d+ FETCH \(")


@dataclass(frozen=True, slots=True)
class Selected:
    """A folder as it was when it was selected."""

    uidvalidity: int
    uidnext: int


@dataclass(frozen=True, slots=True)
class Found:
    """A message in the folder."""

    uid: int
    size: int
    received: datetime | None


def said(lines: Sequence[Any]) -> str:
    """What an answer says in words: its last line. Those before may be customers' mail, which is nobody's error."""
    last = lines[-1] if lines and not isinstance(lines[-1], bytearray) else b""
    return "".join(c if c.isprintable() else " " for c in bytes(last).decode("utf-8", "replace"))[:200].strip()


def unquoted(name: bytes) -> str:
    """A folder's name out of an answer."""
    text = name.decode("utf-8", "replace").strip()
    if text.startswith('"') and text.endswith('"') and len(text) >= 2:
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    return plain_name(text)


def quoted(name: str) -> str:
    """A string as IMAP quotes it."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def uid_set(uids: Sequence[int]) -> str:
    """UIDs as IMAP writes them, runs shortened: `1:3,7`."""
    ranges: list[list[int]] = []
    for uid in sorted(uids):
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in ranges)


def utf7(name: str) -> str:
    """A folder's name in modified UTF-7 (RFC 3501 §5.1.3)."""
    done: list[str] = []
    for run in re.findall(r"[\x20-\x7e]+|[^\x20-\x7e]+", name):
        if run.isascii() and run.isprintable():
            done.append(run.replace("&", "&-"))
        else:
            coded = base64.b64encode(run.encode("utf-16-be")).rstrip(b"=").replace(b"/", b",").decode()
            done.append(f"&{coded}-")
    return "".join(done)


def plain_name(name: str) -> str:
    """A folder's name out of modified UTF-7; what is not that stays as it is."""

    def decoded(found: re.Match[str]) -> str:
        if not found[1]:
            return "&"
        coded = found[1].replace(",", "/")
        try:
            return base64.b64decode(coded + "=" * (-len(coded) % 4)).decode("utf-16-be")
        except (ValueError, UnicodeDecodeError):
            return found[0]

    return re.sub(r"&([A-Za-z0-9+,]*)-", decoded, name)


def bodies(lines: Iterable[Any]) -> dict[int, bytes]:
    """The literals of a FETCH answer by UID, which may stand before or after its literal."""
    found: dict[int, bytes] = {}
    uid, literal = 0, b""
    for line in lines:
        if isinstance(line, bytearray):
            literal = bytes(line)
            continue
        if _FETCH.match(line):
            uid, literal = 0, b""
        named = UID.search(line)
        uid = int(named[1]) if named else uid
        if uid and (literal or line.endswith(b"{0}")):
            found[uid] = literal
    return found


def internal_date(line: bytes) -> datetime | None:
    """When a message arrived (INTERNALDATE), or None."""
    found = _DATE.search(line)
    if not found:
        return None
    try:
        return datetime.strptime(found[1].decode().strip(), "%d-%b-%Y %H:%M:%S %z")
    except ValueError:
        return None
