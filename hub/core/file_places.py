"""Where bytes can lie outside the database: a folder, or a bucket of an S3-compatible store.

Whatever a place fails with leaves as `FilesAway`, so that what is on its way comes again; what is not there is
`NotThere`. Both work in threads of their own: a disk or a network that hangs keeps nothing else of the process waiting.
Why the folder is not obstore's, and its store is used without its `async` half: docs/decisions/0013-files.md.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from hub.core import log
from hub.core.errors import Unavailable
from hub.core.folder import sync_folder, write_whole

if TYPE_CHECKING:
    from obstore.store import S3Store

logger = log.get(__name__)
MARK = "hub-files"  # by which a folder is known to be the one, and not the empty place where a disk is to be mounted
WRITE_SECONDS = 60.0
READ_SECONDS = 20.0  # for each piece
_THREADS = 8
_ABSENT = "there is no such folder"
T = TypeVar("T")


class FilesAway(Unavailable):
    """Files cannot be read or written right now."""

    def __init__(self, where: str, reason: str):
        super().__init__(code="files.away", remedy="Try again shortly; `hub doctor` says more.")
        self.where, self.reason = where, reason  # for who runs the hub: nobody else is told of folders and servers

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


class NotThere(Exception):
    """There are no bytes under this name."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, and how it is reached. Without keys the environment's are taken, as the store's own tools do."""

    name: str
    endpoint: str | None = None
    region: str = "us-east-1"
    prefix: str = ""
    access_key_id: str | None = None
    secret_access_key: str | None = None


class Place(Protocol):
    """Bytes by name; a name is written once."""

    name: str  # as in `stored_file.place`
    where: str  # for a person

    async def prepare(self, *, in_use: bool) -> None:
        """Make it ready; with `in_use` it must be the one that was written to before."""
        ...

    async def write(self, key: str, body: bytes) -> None:
        """Keep bytes: when this returns they survive a power cut."""
        ...

    async def size(self, key: str) -> int:
        """How many bytes there are under a name."""
        ...

    async def piece(self, key: str, start: int, length: int) -> bytes:
        """Some of the bytes."""
        ...

    async def remove(self, key: str) -> None:
        """Remove them; what is not there is removed already."""
        ...


class _Threads:
    """What blocks, with a bound."""

    def __init__(self, where: str, *, absent: type[Exception], errors: tuple[type[Exception], ...]):
        self._where = where
        self._absent = absent
        self._errors = errors
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="files")

    async def run(self, seconds: float, step: Callable[..., T], *arguments: Any) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self._pool, step, *arguments)
        except TimeoutError:
            raise self._away(f"no answer within {seconds:.0f} seconds") from None
        except self._absent as error:
            raise NotThere from error
        except self._errors as error:
            raise self._away(_said(error)) from error

    def _away(self, reason: str) -> FilesAway:
        logger.warning("files_away", where=self._where, reason=reason)
        return FilesAway(self._where, reason)


def _said(error: Exception) -> str:
    words = error.strerror if isinstance(error, OSError) else None
    return (words or next(iter(str(error).splitlines()), "") or type(error).__name__)[:300]


class Folder:
    """A folder, each file with its name's bytes synced to the disk before it counts."""

    name = "folder"

    def __init__(self, folder: Path):
        self._folder = folder
        self.where = f"the folder {folder}"
        self._threads = _Threads(self.where, absent=FileNotFoundError, errors=(OSError,))

    async def prepare(self, *, in_use: bool) -> None:
        """See `Place`: a folder in use has a mark in it, else the disk behind it is not mounted."""
        try:
            await self._threads.run(WRITE_SECONDS, self._prepare, in_use)
        except NotThere:
            raise FilesAway(self.where, _ABSENT) from None

    async def write(self, key: str, body: bytes) -> None:
        """See `Place`."""
        try:
            await self._threads.run(WRITE_SECONDS, self._write, key, body)
        except NotThere:
            raise FilesAway(self.where, _ABSENT) from None

    async def size(self, key: str) -> int:
        """See `Place`."""
        self._check(await self._threads.run(READ_SECONDS, self._marked))
        return (await self._threads.run(READ_SECONDS, (self._folder / key).stat)).st_size

    async def piece(self, key: str, start: int, length: int) -> bytes:
        """See `Place`."""
        try:
            return await self._threads.run(READ_SECONDS, self._piece, key, start, length)
        except NotThere:
            self._check(await self._threads.run(READ_SECONDS, self._marked))
            raise

    async def remove(self, key: str) -> None:
        """See `Place`."""
        await self._threads.run(WRITE_SECONDS, lambda: (self._folder / key).unlink(missing_ok=True))

    def _prepare(self, in_use: bool) -> None:
        if not in_use and not self._marked():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._folder / MARK, b"")
        self._check(self._marked())

    def _marked(self) -> bool:
        return (self._folder / MARK).exists()

    def _check(self, marked: bool) -> None:
        if not marked:
            raise FilesAway(
                self.where,
                f"it has no file {MARK}, so it is not the one the files were written to. Mount its disk, or correct "
                f"files.folder; if its files are lost for good, make an empty file of that name in it",
            )

    def _write(self, key: str, body: bytes) -> None:
        self._check(self._marked())
        file = self._folder / key
        made: list[Path] = []
        for folder in reversed(file.relative_to(self._folder).parents):
            if folder.name and not (self._folder / folder).is_dir():
                (self._folder / folder).mkdir(exist_ok=True, mode=0o700)
                made.append((self._folder / folder).parent)
        write_whole(file, body)
        for folder in made:
            sync_folder(folder)

    def _piece(self, key: str, start: int, length: int) -> bytes:
        with (self._folder / key).open("rb", buffering=0) as file:
            found = bytearray()
            while len(found) < length and (some := os.pread(file.fileno(), length - len(found), start + len(found))):
                found += some
            return bytes(found)


class S3:
    """A bucket. Its store says yes to a write when the bytes are durable, and reads what was just written."""

    name = "s3"

    def __init__(self, bucket: Bucket):
        from obstore.exceptions import BaseError

        self._prefix = f"{bucket.prefix.strip('/')}/" if bucket.prefix.strip("/") else ""
        at = f" at {bucket.endpoint}" if bucket.endpoint else ""
        self.where = f"the bucket {bucket.name}{at}"
        self._store = _store(bucket)
        self._threads = _Threads(self.where, absent=FileNotFoundError, errors=(BaseError, OSError, ValueError))

    async def prepare(self, *, in_use: bool) -> None:
        """See `Place`: it can be written to."""
        await self.write(MARK, b"")

    async def write(self, key: str, body: bytes) -> None:
        """See `Place`."""
        import obstore

        try:
            await self._threads.run(
                WRITE_SECONDS, lambda: obstore.put(self._store, self._prefix + key, body, use_multipart=False)
            )
        except NotThere as error:
            raise FilesAway(self.where, "there is no such bucket") from error

    async def size(self, key: str) -> int:
        """See `Place`."""
        import obstore

        found = await self._told(lambda: obstore.head(self._store, self._prefix + key))
        return int(found["size"])

    async def piece(self, key: str, start: int, length: int) -> bytes:
        """See `Place`."""
        import obstore

        name = self._prefix + key
        return await self._told(lambda: bytes(obstore.get_range(self._store, name, start=start, length=length)))

    async def remove(self, key: str) -> None:
        """See `Place`."""
        import obstore

        try:
            await self._threads.run(WRITE_SECONDS, lambda: obstore.delete(self._store, self._prefix + key))
        except NotThere:
            return

    async def _told(self, step: Callable[[], T]) -> T:
        """What is read. That nothing is there is believed of a bucket that takes writes: it may be gone itself."""
        try:
            return await self._threads.run(READ_SECONDS, step)
        except NotThere:
            await self.prepare(in_use=True)
            raise


def _store(bucket: Bucket) -> S3Store:
    from obstore.store import S3Store

    keys: dict[str, str] = {}
    if bucket.access_key_id and bucket.secret_access_key:
        keys = {"access_key_id": bucket.access_key_id, "secret_access_key": bucket.secret_access_key}
    if bucket.endpoint:
        keys["endpoint"] = bucket.endpoint
    return S3Store(
        bucket.name,
        region=bucket.region,
        virtual_hosted_style_request=False,
        disable_bulk_delete=True,  # which not every store has
        client_options={
            "allow_http": (bucket.endpoint or "").startswith("http://"),
            "connect_timeout": timedelta(seconds=5),
            "timeout": timedelta(seconds=WRITE_SECONDS),
        },
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=READ_SECONDS)},
        **keys,  # pyright: ignore[reportArgumentType] - its own keys, those that were given
    )
