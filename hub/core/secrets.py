"""Secrets at rest and signatures of ours, all from one key.

The key is `HUB_SECRET_KEY` or, by default, the file `secret.key` in the data folder (mode 0600), made at first start.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets as random
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.core.errors import ConfigError
from hub.core.folder import write_whole


class Vault:
    """Encrypts for the database and signs what we send out and want to recognise."""

    def __init__(self, key: bytes):
        if len(key) < 32:
            raise ConfigError("The secret key is shorter than 32 bytes.", remedy="Use `openssl rand -base64 48`.")
        self._key = key

    @classmethod
    def from_file(cls, path: Path) -> Vault:
        """The key stored at `path`, made now if there is none."""
        if path.exists() and path.stat().st_size == 0:
            path.unlink()  # a start that was killed made it and wrote nothing: nothing was ever encrypted with it
        if not path.exists():
            write_whole(path, base64.b64encode(random.token_bytes(48)), replace=False)
        return cls(path.read_bytes().strip())

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose (HKDF-like: HMAC-SHA256 of the purpose under the key)."""
        return hmac.digest(self._key, purpose.encode(), hashlib.sha256)

    def encrypt(self, place: str, plain: bytes) -> bytes:
        """AES-256-GCM; `place` (table.column:row) is bound in, so that a value cannot be moved elsewhere."""
        nonce = random.token_bytes(12)
        return b"\x01" + nonce + AESGCM(self.derive("encrypt")).encrypt(nonce, plain, place.encode())

    def decrypt(self, place: str, sealed: bytes) -> bytes:
        """The plain bytes; a wrong key or place is a `ConfigError`."""
        try:
            return AESGCM(self.derive("encrypt")).decrypt(sealed[1:13], sealed[13:], place.encode())
        except (InvalidTag, ValueError) as error:
            raise ConfigError(
                f"The secret of {place} cannot be read with this key.",
                remedy="Restore the data folder's secret.key (or HUB_SECRET_KEY) that wrote it, or enter it again.",
            ) from error

    def sign(self, purpose: str, message: str, *, length: int = 16) -> str:
        """`length` lower-case base32 characters (5 bits each) that only we can make; safe in a mail address."""
        digest = hmac.digest(self.derive(f"sign:{purpose}"), message.encode(), hashlib.sha256)
        return base64.b32encode(digest).decode().lower()[:length]

    def verify(self, purpose: str, message: str, signature: str) -> bool:
        """Whether `signature` is ours, in constant time."""
        expected = self.sign(purpose, message, length=max(len(signature), 16))
        return hmac.compare_digest(expected.encode(), signature.lower().encode())
