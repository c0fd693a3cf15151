"""The data folder: whether it can be written to, whether a hub is at work in it, and how a file in it is made whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tempfile
from pathlib import Path

from hub.core.errors import ConfigError

_UNFINISHED = ".unfinished"  # the end of a temporary file's name
_PLAIN = re.compile(r"[A-Za-z0-9/._+=~@-]+")  # what fits into any URL, option or list of paths as it is
_LONGEST = 80  # bytes; a socket's whole path may have 107


def make_folder(folder: Path) -> None:
    """The data folder, made if need be, for its owner alone; a `ConfigError` when it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f"The data folder {folder} cannot be used: {error.strerror}.",
            remedy="Choose another with HUB_DATA=… or --data, or correct its rights.",
        ) from error


def in_use(folder: Path) -> bool:
    """Whether a hub with embedded servers runs on this data folder now."""
    with contextlib.suppress(FileNotFoundError), (folder / "lock").open("rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def write_whole(file: Path, content: bytes, *, replace: bool = True) -> bool:
    """Write a file (0600) so that after a kill or a power cut all of it is there, or what was there before.

    Without `replace` a file that exists stays; whether ours is the one that is there now.
    """
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=_UNFINISHED)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        if replace:
            temporary.replace(file)
        else:
            try:
                file.hardlink_to(temporary)
            except FileExistsError:
                return False
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(file.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Make names that were just given in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed writers left behind; only for who holds the folder's lock."""
    for leftover in folder.glob(f".*{_UNFINISHED}"):
        leftover.unlink(missing_ok=True)


def handle_path(handle: int) -> str:
    """A path by which a process that inherits `handle` opens the same file."""
    return f"{'/proc/self/fd' if Path('/proc/self/fd').is_dir() else '/dev/fd'}/{handle}"


class OpenFolder:
    """A folder that a child of another user may work in, though that user cannot pass the folders above it.

    The open handle is inherited and named `/proc/self/fd/N`; Linux then looks at the rights of the folder itself,
    not of the way to it. It also makes any name, however long or odd, a short and plain one.
    """

    def __init__(self, path: Path):
        self.path = path
        self.handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._by_handle = Path(f"/proc/self/fd/{self.handle}").is_dir()

    @property
    def for_children(self) -> str:
        """How a child that inherits the handle names it; its own path where there is no /proc."""
        return f"/proc/self/fd/{self.handle}" if self._by_handle else str(self.path)

    @property
    def for_clients(self) -> str:
        """How other processes of our user name it while we live: short and plain enough for a socket's address."""
        own = str(self.path)
        if len(os.fsencode(own)) <= _LONGEST and _PLAIN.fullmatch(own):
            return own
        if not self._by_handle:
            raise ConfigError(
                f"The folder {own} has too long or too odd a name for the servers' sockets.",
                remedy="Choose a shorter data folder with HUB_DATA=… or --data.",
            )
        return f"/proc/{os.getpid()}/fd/{self.handle}"

    def close(self) -> None:
        """Let go of the handle."""
        os.close(self.handle)
