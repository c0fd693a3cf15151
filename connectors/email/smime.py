"""The letter inside of S/MIME that is signed and not encrypted (RFC 8551 §3.5.2, RFC 5652 §5): Outlook's "opaque" form.

Only what is needed to find it is read of ASN.1; the signature is not checked, and the file stays beside the message.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_MAX_BYTES = 10 * 1024 * 1024
_MAX_DEPTH = 12
_MAX_PIECES = 20_000
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_OCTETS, _OCTETS_IN_PIECES, _CONTENT = 0x04, 0x24, 0xA0


@dataclass(frozen=True, slots=True)
class _Node:
    tag: int
    start: int
    end: int  # of what is in it
    after: int


def signed(data: bytes) -> bytes | None:
    """The message that was signed; None if this is anything else."""
    if len(data) > _MAX_BYTES:
        return None
    try:
        return _signed(data)
    except (IndexError, ValueError, StopIteration):
        return None


def _signed(data: bytes) -> bytes | None:
    kind, content = _children(data, _node(data, 0, len(data), 0), 2)
    if data[kind.start : kind.end] != _SIGNED_DATA or content.tag != _CONTENT:
        return None
    [inside] = _children(data, content, 1)
    _, _, wrapped = _children(data, inside, 3)
    _, held = _children(data, wrapped, 2)
    [octets] = _children(data, held, 1)
    if octets.tag == _OCTETS:
        return data[octets.start : octets.end]
    if octets.tag != _OCTETS_IN_PIECES:
        return None
    return b"".join(data[piece.start : piece.end] for piece in _walk(data, octets))


def _children(data: bytes, node: _Node, count: int) -> list[_Node]:
    """The first `count` nodes within one; `ValueError` if there are fewer."""
    found: list[_Node] = []
    for child in _walk(data, node):
        found.append(child)
        if len(found) == count:
            return found
    raise ValueError("too few")


def _walk(data: bytes, node: _Node, depth: int = 0) -> Iterator[_Node]:
    at = node.start
    for _ in range(_MAX_PIECES):
        if at >= node.end:
            return
        child = _node(data, at, node.end, depth)
        yield child
        at = child.after


def _node(data: bytes, at: int, stop: int, depth: int) -> _Node:
    """One node in definite or indefinite form (X.690 §8.1.3)."""
    if depth > _MAX_DEPTH:
        raise ValueError("too deep")
    tag, length, start = data[at], data[at + 1], at + 2
    if length == 0x80:
        end = start
        for _ in range(_MAX_PIECES):
            if data[end : end + 2] == b"\x00\x00":
                break
            end = _node(data, end, stop, depth + 1).after
        return _Node(tag, start, end, end + 2)
    if length > 0x80:
        size = length & 0x7F
        length = int.from_bytes(data[start : start + size], "big")
        start += size
    if start + length > stop:
        raise ValueError("too long")
    return _Node(tag, start, start + length, start + length)
