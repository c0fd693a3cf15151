"""DKIM signatures (RFC 6376, Ed25519 by RFC 8463): relaxed canonical form, made by OpenSSL through `cryptography`.

From is signed once more than it occurs ("oversigned", RFC 6376 §8.15), so that nobody can add a second one. The
time of the signature is the mail's own date: the same mail signed twice is the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import defaultdict
from datetime import datetime
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hub.core.errors import ConfigError

# What a reader sees and what programs act on; trace fields are others' business (RFC 6376 §5.4.1).
_SIGNED = (
    "from", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references", "reply-to", "mime-version",
    "content-type", "content-transfer-encoding", "list-unsubscribe", "list-unsubscribe-post", "auto-submitted",
)  # fmt: skip
_FIELD = re.compile(rb"(?m)^([!-9;-~]+):((?:[^\r\n]*)(?:\r\n[ \t][^\r\n]*)*)\r\n")


@lru_cache(maxsize=64)
def _key(pem: str) -> RSAPrivateKey | Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError("dkim_key is not a private key in PEM form.", remedy="Use an RSA or Ed25519 key.") from error
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise ConfigError("dkim_key is neither RSA nor Ed25519.", remedy="Use one of these.")
    return key


def sign(message: bytes, *, domain: str, selector: str, pem: str, at: datetime) -> bytes:
    """The message with a DKIM-Signature in front; `ConfigError` when the key is none."""
    key = _key(pem)
    head, _, body = message.partition(b"\r\n\r\n")
    fields: dict[str, list[bytes]] = defaultdict(list)
    for name, value in _FIELD.findall(head + b"\r\n"):
        fields[name.decode("ascii").lower()].append(value)
    names = [name for name in _SIGNED for _ in fields[name]] + ["from"]
    tags = (
        f"v=1; a={'rsa' if isinstance(key, RSAPrivateKey) else 'ed25519'}-sha256; c=relaxed/relaxed; d={domain};\r\n"
        f" s={selector}; t={int(at.timestamp())};\r\n h={':'.join(_folded(names))};\r\n"
        f" bh={base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode()};\r\n b="
    ).encode()
    signed = b"".join(_relaxed(name, value) for name, value in _chosen(names, fields))
    signed += _relaxed("dkim-signature", b" " + tags).removesuffix(b"\r\n")
    signature = base64.b64encode(_signature(key, signed)).decode()
    lines = "\r\n ".join(signature[n : n + 72] for n in range(0, len(signature), 72))
    return b"DKIM-Signature: " + tags + lines.encode() + b"\r\n" + message


def _folded(names: list[str]) -> list[str]:
    """The names, a line break before every sixth: white space beside the colons means nothing (RFC 6376 §3.5)."""
    return [f"\r\n  {name}" if n and n % 6 == 0 else name for n, name in enumerate(names)]


def _chosen(names: list[str], fields: dict[str, list[bytes]]) -> list[tuple[str, bytes]]:
    """The fields of those names, from the bottom up (RFC 6376 §5.4.2); one that is not there counts as nothing."""
    left = {name: list(values) for name, values in fields.items()}
    return [(name, left[name].pop()) for name in names if left.get(name)]


def _relaxed(name: str, value: bytes) -> bytes:
    """RFC 6376 §3.4.2."""
    return name.encode() + b":" + re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip() + b"\r\n"


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376 §3.4.4."""
    squeezed = re.sub(rb"[ \t]+", b" ", body)
    kept = re.sub(rb" (?=\r\n)", b"", squeezed).rstrip(b" ")
    text = re.sub(rb"(?:\r\n)+\Z", b"", kept)
    return text + b"\r\n" if text else b""


def _signature(key: RSAPrivateKey | Ed25519PrivateKey, signed: bytes) -> bytes:
    if isinstance(key, RSAPrivateKey):
        return key.sign(signed, PKCS1v15(), hashes.SHA256())
    return key.sign(hashlib.sha256(signed).digest())
