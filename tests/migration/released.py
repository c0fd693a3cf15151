"""Versions that were released: their databases and their programs (see `releases/README.md`)."""

from __future__ import annotations

import lzma
import tarfile
from pathlib import Path

import psycopg
from packaging.version import Version

from hub.core import functions

RELEASES = Path(__file__).parent / "releases"
FIRST = "0.1.0"
FIRST_KEY = (
    "8KA2p6hRbLsc4Ocdh9GrUzqKhx+Jj980laQSppey8sTB/eUvgcq+HBhfKoW2RlbF"  # of the database in 0.1.0.sql.xz: made for it
)


def archives() -> list[str]:
    """The releases whose programs are here, the oldest first."""
    return sorted((file.name.removesuffix(".tar.xz") for file in RELEASES.glob("*.tar.xz")), key=Version)


def set_of(release: str) -> int:
    """The number of a release's set of functions: 0 for 0.1.0, whose functions lie in `public`."""
    return next((one.number for one in functions.released() if one.release == release), 0)


def beside() -> list[str]:
    """The releases that may run beside this version, by its own rule: those whose functions it keeps."""
    own = functions.current()
    oldest = (own.number if own.release else max((one.number for one in functions.released()), default=0)) - 1
    return [release for release in archives() if oldest <= set_of(release) < own.number]


def unpack(release: str, folder: Path) -> Path:
    """The release's programs, to be run with `PYTHONPATH` set to the folder: there it finds its own parts, not ours."""
    with tarfile.open(RELEASES / f"{release}.tar.xz") as archive:
        archive.extractall(folder / release, filter="data")
    facts = folder / release / f"omnihub-{release}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: omnihub\nVersion: {release}\n")
    (facts / "entry_points.txt").write_text((RELEASES / f"{release}.entry_points.txt").read_text())
    return folder / release


def load(release: str, url: str) -> None:
    """The release's database, into an empty one."""
    text = lzma.decompress((RELEASES / f"{release}.sql.xz").read_bytes())
    with psycopg.connect(url) as conn:
        conn.execute(text)
