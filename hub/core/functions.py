"""The functions and views a hub works with: a numbered set, in a schema of its own (`hub_v1`, `hub_v2`, …).

Processes of two releases work on one database side by side: each finds its own set by its `search_path`, and neither
lays anything over the other's. The number is not written down by hand: as long as the texts in `migrations/functions`
and `migrations/attached` are those of the last release (`released.txt`) the set has that release's number, and as soon
as one of them differs it has the next. So what a released name stands for cannot change.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from hub.core.errors import ConfigError

FOLDER = Path(__file__).parent.parent / "migrations"
_HEAD = """# Releases: the number of its set of functions, its name, and the sha256 of the texts. `make release` adds
# the lines; none is ever changed.
"""


@dataclass(frozen=True, slots=True)
class FunctionSet:
    """Functions, views and what is attached to tables, as one release has them."""

    number: int
    release: str  # empty: not released yet
    digest: str  # sha256 of the texts, in hexadecimal

    @property
    def schema(self) -> str:
        """Where it lies."""
        return f"hub_v{self.number}"

    @property
    def search_path(self) -> str:
        """What a connection that works with this set has as its `search_path`."""
        return f"{self.schema},public"


def current(folder: Path = FOLDER) -> FunctionSet:
    """The set in `folder`: the last released one, or the one after it when anything of it was changed."""
    digest = digest_of(folder)
    last = ([FunctionSet(0, "", ""), *released(folder)])[-1]
    return last if last.digest == digest else FunctionSet(last.number + 1, "", digest)


def released(folder: Path = FOLDER) -> list[FunctionSet]:
    """The releases, the oldest first, each with its set; a `ConfigError` when that cannot be read."""
    found: list[FunctionSet] = []
    for line in (folder / "released.txt").read_text(encoding="ascii").splitlines():
        if line and not line.startswith("#"):
            match line.split():
                case [number, release, digest] if number.isdecimal():
                    found.append(FunctionSet(int(number), release, digest))
                case _:
                    raise ConfigError(f"released.txt has a line that names no set: {line!r}.", remedy="Install anew.")
    return found


def digest_of(folder: Path) -> str:
    """The sha256 of every text of a set, with the files' names."""
    digest = hashlib.sha256()
    for file in texts(folder, "functions") + texts(folder, "attached"):
        digest.update(f"{file.parent.name}/{file.name}\n".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def texts(folder: Path, part: str) -> list[Path]:
    """The files of one part of a set, in the order in which they are run."""
    return sorted((folder / part).glob("*.sql"))


def record(release: str, folder: Path = FOLDER, *, again: bool = False) -> FunctionSet:
    """Note that the set in `folder` is released as `release`: nothing of it changes any more.

    `again`: the last release, which nobody has been given yet, is made anew.
    """
    earlier = released(folder)
    if again and earlier and earlier[-1].release == release:
        earlier.pop()
        _write(earlier, folder)
    if any(one.release == release for one in earlier):
        raise ConfigError(f"{release} is released already.", remedy="Give the release another number.")
    done = replace(current(folder), release=release)
    _write([*earlier, done], folder)
    return done


def _write(releases: list[FunctionSet], folder: Path) -> None:
    lines = [f"{one.number} {one.release} {one.digest}\n" for one in releases]
    (folder / "released.txt").write_text(_HEAD + "".join(lines), encoding="ascii")


CURRENT = current()
