"""Sets of functions: each release has its own, none is laid over another's, and what is too old does not start."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest
from packaging.version import Version

from hub.core import functions
from hub.core import migrate as migrations
from hub.core.errors import ConfigError
from hub.core.functions import FOLDER, current, record, released
from hub.core.migrate import check, migrate
from tests.support.postgres import other_database

ROOT = Path(__file__).parents[2]
PUBLIC = """
select count(*) from pg_proc p where pronamespace = 'public'::regnamespace
and proname in ('intake', 'router_commit', 'contact_label')
"""
LAID = "select array_agg(nspname::text order by nspname) from pg_namespace where nspname ~ '^hub_v'"
TRIGGERS = """
select array_agg(distinct n.nspname::text) from pg_trigger t join pg_proc p on p.oid = t.tgfoid
join pg_namespace n on n.oid = p.pronamespace where not t.tgisinternal and n.nspname <> 'public'
"""


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(query).fetchone()  # pyright: ignore[reportArgumentType, reportCallIssue] - a test's own words
        return row[0] if row else None


class Releases:
    """Folders of migrations, each as one release has it; the hub of one of them at a time."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch):
        self.folder = folder
        self.patch = patch

    def make(self, name: str, *, after: str | None = None, label: str | None = None) -> Path:
        """A release whose `contact_label` says `label`; it comes after another, or is the first."""
        folder = self.folder / name
        shutil.copytree(self.folder / after if after else FOLDER, folder)
        if after is None:
            (folder / "released.txt").write_text("")
        if label is not None:
            with (folder / "functions" / "zz_label.sql").open("w") as file:
                file.write(f"create or replace function label() returns text language sql as $$ select '{label}' $$;\n")
        return folder

    def start(self, name: str) -> list[str]:
        """Start the hub of one release: it migrates."""
        self.patch.setattr(migrations, "FOLDER", self.folder / name)
        return migrate(self.url)

    url = ""


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> Generator[Releases]:
    made = Releases(tmp_path, monkeypatch)
    for name, after, label in (("1", None, "one"), ("2", "1", "two"), ("3", "2", "three")):
        record(f"0.{name}.0", made.make(name, after=after, label=label))
    with other_database(database_url) as url:
        made.url = url
        yield made


def label(url: str, number: int) -> object:
    return ask(url, f"select hub_v{number}.label()")


def test_a_release_that_is_started_beside_an_older_one_leaves_it_its_functions(releases: Releases) -> None:
    releases.start("1")
    assert "hub_v2" in releases.start("2")
    assert (label(releases.url, 1), label(releases.url, 2)) == ("one", "two")
    assert ask(releases.url, TRIGGERS) == ["hub_v2"]


def test_an_older_release_that_is_started_again_changes_nothing_of_the_newer_one(releases: Releases) -> None:
    releases.start("1")
    releases.start("2")
    assert releases.start("1") == []
    assert label(releases.url, 2) == "two"
    assert ask(releases.url, TRIGGERS) == ["hub_v2"]
    check(releases.url)


def test_an_older_release_finds_its_functions_on_a_database_that_only_the_newer_one_made(releases: Releases) -> None:
    releases.start("2")
    with pytest.raises(ConfigError, match=r"lacks the functions of this version \(hub_v1\)"):
        releases.patch.setattr(migrations, "FOLDER", releases.folder / "1")
        check(releases.url)
    assert releases.start("1") == ["hub_v1"]
    assert (label(releases.url, 1), label(releases.url, 2)) == ("one", "two")
    assert ask(releases.url, TRIGGERS) == ["hub_v2"]


def test_functions_go_a_release_later_and_who_needs_them_does_not_start(releases: Releases) -> None:
    for name in ("1", "2", "3"):
        releases.start(name)
    assert ask(releases.url, LAID) == ["hub_v2", "hub_v3"]
    with pytest.raises(
        ConfigError,
        match=r"This hub \(0\.1\.0\) is too old for the database: 0\.3\.0 has migrated it, and needs 0\.2\.0 or newer",
    ):
        releases.start("1")
    with pytest.raises(ConfigError, match="too old for the database"):
        check(releases.url)
    assert ask(releases.url, LAID) == ["hub_v2", "hub_v3"]
    assert releases.start("2") == []


def test_what_is_not_released_drops_nothing(releases: Releases) -> None:
    for name in ("1", "2"):
        releases.start(name)
    releases.make("next", after="2", label="next")
    releases.start("next")
    assert ask(releases.url, LAID) == ["hub_v1", "hub_v2", "hub_v3"]
    assert releases.start("1") == []
    record("0.3.0", releases.folder / "next")
    assert releases.start("next") == ["triggers"]
    assert ask(releases.url, LAID) == ["hub_v2", "hub_v3"]


def test_a_changed_text_is_the_next_set_and_never_the_released_one(releases: Releases) -> None:
    folder = releases.make("4", after="3", label="four")
    assert current(folder).number == 4
    assert current(folder).release == ""
    (folder / "functions" / "zz_label.sql").write_bytes((releases.folder / "3/functions/zz_label.sql").read_bytes())
    assert current(folder) == released(folder)[-1]
    (folder / "attached" / "more.sql").write_text("select 1;")
    assert current(folder).number == 4


def test_a_set_that_was_not_released_is_laid_anew_when_its_text_changes(releases: Releases) -> None:
    releases.make("4", after="3", label="four")
    releases.make("4 changed", after="3", label="four and a half")
    assert "hub_v4" in releases.start("4")
    assert releases.start("4 changed") == ["hub_v4", "triggers"]
    assert label(releases.url, 4) == "four and a half"
    record("0.4.0", releases.folder / "4 changed")
    assert releases.start("4 changed") == ["triggers"]
    assert releases.start("4 changed") == []
    assert ask(releases.url, "select release from function_set where number = 4") == "0.4.0"


def test_a_hub_whose_released_functions_were_changed_is_refused(releases: Releases) -> None:
    releases.start("2")
    folder = releases.make("2 by hand", after="1", label="by hand")
    record("0.2.0", folder)
    with pytest.raises(ConfigError, match=r"written otherwise than those that 0\.2\.0 was released with"):
        releases.start("2 by hand")
    assert label(releases.url, 2) == "two"


def test_functions_of_the_first_release_go_when_it_may_no_longer_run(releases: Releases) -> None:
    """0.1.0 looks at nothing: after that, the database itself refuses what it lays."""
    releases.start("1")
    with psycopg.connect(releases.url, autocommit=True) as conn:
        conn.execute("create function public.intake() returns int language sql as 'select 1'")
        conn.execute("create function public.contact_label(bigint, text) returns text language sql as 'select $2'")
        conn.execute("create view public.entry_view as select public.contact_label(id, '') from contact")
        conn.execute("insert into migration (name, text) values ('functions/intake', '')")
        assert ask(releases.url, PUBLIC) == 2
        releases.start("2")
        assert ask(releases.url, PUBLIC) == 0
        with pytest.raises(psycopg.errors.CheckViolation, match="this hub is too old for the database"):
            conn.execute("insert into migration (name, text) values ('functions/intake', '')")
    assert releases.start("2") == []


@pytest.mark.parametrize("part", ["functions", "attached"])
def test_a_set_drops_nothing(part: str) -> None:
    """It finds what is in `public`, too, and would drop what 0.1.0 works with."""
    files = functions.texts(FOLDER, part)
    assert files
    assert [f.name for f in files if re.search(r"^\s*drop\b", f.read_text(encoding="utf-8"), re.MULTILINE | re.I)] == []


def test_functions_of_triggers_name_the_set_they_call(database_url: str) -> None:
    """They run for processes of the release before as well, which look for names in another set."""
    query = """
        select array_agg(p.oid::regprocedure::text) from pg_trigger t join pg_proc p on p.oid = t.tgfoid
        where not t.tgisinternal and p.pronamespace <> 'public'::regnamespace
          and not coalesce(p.proconfig::text, '') like %s
    """
    with psycopg.connect(database_url) as conn:
        assert conn.execute(query, [f"%search_path={functions.CURRENT.schema}%"]).fetchone() == (None,)
        assert conn.execute(query, ["%nothing like it%"]).fetchone() != (None,)


def test_every_release_of_the_changelog_is_recorded_with_its_functions() -> None:
    """From 0.2.0 on; `make release` does it."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    dated = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert version in dated
    recorded = [Version(one.release) for one in released()]
    assert recorded == sorted(Version(one) for one in dated if Version(one) >= Version("0.2.0"))
    numbers = [one.number for one in released()]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, max(numbers, default=0) + 1))


def test_a_release_is_recorded_once(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(FOLDER, folder)
    record("9.0.0", folder)
    assert record("9.0.1", folder).number == current(folder).number  # nothing of the functions changed
    with pytest.raises(ConfigError, match=r"9\.0\.0 is released already"):
        record("9.0.0", folder)
