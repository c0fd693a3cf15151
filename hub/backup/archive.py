"""The file of a backup: a tar archive of `database.dump`, `secret.key` and `manifest.json`, mode 0600.

`database.dump` is what `pg_dump --format=custom` writes, so that it can be restored without a hub:
`tar -xOf FILE database.dump | pg_restore …`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from hub.core.errors import ConfigError
from hub.core.folder import sync_folder

DUMP, KEY, MANIFEST = "database.dump", "secret.key", "manifest.json"
FORMAT = 1
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    made_at: str
    hub: str  # version
    server: str  # PostgreSQL's version
    clients: int  # major version of the pg_dump that wrote it: an older pg_restore cannot read it
    newest: str  # migration
    oldest: int  # age a hub must have to work on it
    sha256: str  # of the dump
    tables: dict[str, int]  # rows
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Archive:
    """A backup that was opened and is one of ours."""

    file: Path
    manifest: Manifest
    key: bytes | None

    @classmethod
    def read(cls, file: Path) -> Archive:
        """Open it; a `ConfigError` when it is not whole or not ours."""
        try:
            with tarfile.open(file, "r:") as archive:
                archive.getmember(DUMP)
                told: dict[str, Any] = json.loads(_content(archive, MANIFEST))
                key = _content(archive, KEY).strip() if KEY in archive.getnames() else None
        except (tarfile.TarError, KeyError, ValueError, EOFError) as error:
            raise ConfigError(
                f"{file} is no whole backup of a hub: {error}.", remedy="Name a file that `hub backup` has written."
            ) from error
        if told.get("format") != FORMAT:
            raise ConfigError(
                f"{file} has the format {told.get('format')}, and this hub reads {FORMAT}.",
                remedy="Restore it with the version of the hub that made it.",
            )
        return cls(file, Manifest(**told), key)

    @contextmanager
    def dump(self) -> Generator[IO[bytes]]:
        """The database as `pg_restore` reads it."""
        with tarfile.open(self.file, "r:") as archive:
            member = archive.extractfile(DUMP)
            assert member is not None  # noqa: S101 - `read` has seen it
            yield member

    def check_sum(self) -> None:
        """A `ConfigError` when the dump is not what was written."""
        digest = hashlib.sha256()
        with self.dump() as dump:
            while piece := dump.read(PIECE):
                digest.update(piece)
        if digest.hexdigest() != self.manifest.sha256:
            raise ConfigError(
                f"{self.file} is damaged: its dump is not the one that was written.", remedy="Use another backup."
            )


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    if member is None:
        raise KeyError(name)
    return member.read()


class Writer:
    """An archive on its way: under a name of its own until it is whole and wanted."""

    def __init__(self, file: Path):
        self._file = file
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".unfinished")  # 0600
        self.place = Path(name)
        self._out = os.fdopen(handle, "wb")

    def stream(self, name: str, source: IO[bytes]) -> str:
        """Add a member of unknown length; its SHA-256."""
        start = self._out.tell()
        self._out.write(b"\0" * tarfile.BLOCKSIZE)
        digest, size = hashlib.sha256(), 0
        while piece := source.read(PIECE):
            self._out.write(piece)
            digest.update(piece)
            size += len(piece)
        self._pad(size)
        end = self._out.tell()
        self._out.seek(start)
        self._out.write(_head(name, size))
        self._out.seek(end)
        return digest.hexdigest()

    def add(self, name: str, content: bytes) -> None:
        """Add a small member."""
        self._out.write(_head(name, len(content)))
        self._out.write(content)
        self._pad(len(content))

    def finish(self, manifest: Manifest) -> None:
        """Make it whole and safe from power cuts."""
        self.add(MANIFEST, json.dumps(asdict(manifest), indent=1, ensure_ascii=False).encode())
        self._out.write(b"\0" * 2 * tarfile.BLOCKSIZE)
        self._out.flush()
        os.fsync(self._out.fileno())
        self._out.close()

    def publish(self) -> None:
        """Give it its name; whatever had it is gone."""
        self.place.replace(self._file)
        sync_folder(self._file.parent)

    def discard(self) -> None:
        """Leave nothing behind, unless it was published."""
        self._out.close()
        self.place.unlink(missing_ok=True)

    def _pad(self, size: int) -> None:
        self._out.write(b"\0" * (-size % tarfile.BLOCKSIZE))


def _head(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.GNU_FORMAT)  # one block, also beyond 8 GB
