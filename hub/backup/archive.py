"""The file of a backup: a tar archive of `database.dump`, `secret.key`, `manifest.json` and `files/…`, mode 0600.

`database.dump` is what `pg_dump --format=custom` writes, so that it can be restored without a hub:
`tar -xOf FILE database.dump | pg_restore …`, and `files/` is a folder as the hub keeps it. Files come last: nobody
reads past the manifest but to restore them.
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

DUMP, KEY, MANIFEST, FILES, END = "database.dump", "secret.key", "manifest.json", "files/", "end"
FORMAT = 2  # 1 had no files
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
    inside: int = 0  # files that are in it
    outside: int = 0  # files that it needs beside it
    missing: tuple[str, ...] = ()  # files that were not where they should be, the first of them
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
                held = _beginning(archive)
                told: dict[str, Any] = json.loads(held[MANIFEST])
                key = held[KEY].strip() if KEY in held else None
        except (tarfile.TarError, KeyError, ValueError, EOFError) as error:
            raise ConfigError(
                f"{file} is no whole backup of a hub: {error}.", remedy="Name a file that `hub backup` has written."
            ) from error
        if told.get("format") not in (1, FORMAT):
            raise ConfigError(
                f"{file} has the format {told.get('format')}, and this hub reads {FORMAT}.",
                remedy="Restore it with the version of the hub that made it.",
            )
        told["missing"] = tuple(told.get("missing", ()))
        return cls(file, Manifest(**told), key)

    @contextmanager
    def dump(self) -> Generator[IO[bytes]]:
        """The database as `pg_restore` reads it."""
        with tarfile.open(self.file, "r:") as archive:
            member = archive.extractfile(DUMP)
            assert member is not None  # noqa: S101 - `read` has seen it
            yield member

    def files(self) -> Generator[tuple[str, IO[bytes]]]:
        """Name and bytes of each file in it; a `ConfigError` when it ends before its end."""
        if self.manifest.format == 1:
            return
        try:
            with tarfile.open(self.file, "r:") as archive:
                while (member := archive.next()) is not None:
                    archive.members = []  # pyright: ignore[reportAttributeAccessIssue] - else it remembers each of a million
                    if member.name == END:
                        return
                    if member.name.startswith(FILES) and (content := archive.extractfile(member)) is not None:
                        yield member.name.removeprefix(FILES), content
        except (tarfile.TarError, EOFError) as error:
            raise self._damaged(str(error)) from error
        raise self._damaged("it ends before its end")

    def _damaged(self, how: str) -> ConfigError:
        return ConfigError(f"{self.file} is damaged: {how}.", remedy="Use another backup.")

    def check_files(self) -> None:
        """A `ConfigError` when a file in it is not what was written."""
        number = 0
        for name, content in self.files():
            digest = hashlib.sha256()
            try:
                while piece := content.read(PIECE):
                    digest.update(piece)
            except tarfile.TarError as error:
                raise self._damaged(str(error)) from error
            if digest.hexdigest() != Path(name).name.partition("-")[0]:
                raise self._damaged(f"{FILES}{name} is not what was written")
            number += 1
        if number != self.manifest.inside:
            raise self._damaged(f"it has {number} files instead of {self.manifest.inside}")

    def check_sum(self) -> None:
        """A `ConfigError` when the dump is not what was written."""
        digest = hashlib.sha256()
        with self.dump() as dump:
            while piece := dump.read(PIECE):
                digest.update(piece)
        if digest.hexdigest() != self.manifest.sha256:
            raise self._damaged("its dump is not the one that was written")


def _beginning(archive: tarfile.TarFile) -> dict[str, bytes]:
    """The small members up to the manifest; the dump is among them, without its bytes."""
    held: dict[str, bytes] = {}
    while MANIFEST not in held and (member := archive.next()) is not None:
        content = archive.extractfile(member)
        held[member.name] = b"" if member.name == DUMP or content is None else content.read()
    for name in (DUMP, MANIFEST):
        if name not in held:
            raise KeyError(name)
    return held


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

    def describe(self, manifest: Manifest) -> None:
        """Add what it says of itself; after it there are only files."""
        self.add(MANIFEST, json.dumps(asdict(manifest), indent=1, ensure_ascii=False).encode())

    def finish(self) -> None:
        """Make it whole and safe from power cuts."""
        self.add(END, b"")
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
