"""The data folder: whether it can be written to, and whether a hub is at work in it."""

from __future__ import annotations

import contextlib
import fcntl
import tempfile
from pathlib import Path

from hub.core.errors import ConfigError


def make_folder(folder: Path) -> None:
    """The data folder, made if need be; a `ConfigError` when it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
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
