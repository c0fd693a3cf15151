"""Public holidays in the center's file: of countries and parts that exist, or refused with those that do."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.core.errors import ConfigError
from hub.core.service import Core
from hub.provisioning.model import read
from tests.integration.provisioning.test_center import SMALL, applied, file, write

__all__ = ["file"]


@pytest.mark.parametrize(
    ("holidays", "words"),
    [
        ('[{ country = "ZZ" }]', ["there is no country 'ZZ'; there are: AD, AE, ", "GB"]),
        ('[{ country = "UKR" }]', ["hours[1].holidays[1]"]),
        (
            '[{ country = "DE", subdivision = "England" }]',
            ["DE has no subdivision 'England'; there are: ", "Bavaria", "BY"],
        ),
        ('[{ country = "CN", subdivision = "Beijing" }]', ["the same everywhere", "leave the subdivision out"]),
        ('[{ subdivision = "England" }]', ["name either a date"]),
        ('["2026-02-30"]', ["must be a date"]),
        ("[{ open = [] }]", ["name either a date"]),
        ('[{ country = "GB", date = "2026-12-24" }]', ["name either a date"]),
        ('[{ country = "GB", open = [["09:00", "12:00"]] }]', ["no hours of their own"]),
    ],
)
def test_holidays_that_do_not_exist_are_refused_with_those_that_do(file: Path, holidays: str, words: list[str]) -> None:
    write(file, SMALL.replace("[[queue]]", f"holidays = {holidays}\n[[queue]]", 1))
    with pytest.raises(ConfigError) as refused:
        read(file, {"SMS_TOKEN": "x"})
    assert all(word in str(refused.value) for word in words), refused.value
    [line] = str(refused.value).splitlines()  # one mistake, one line
    assert ": hours[1].holidays[1]" in line
    assert "(" not in line.partition(": ")[2].partition(": ")[0]


async def test_holidays_of_a_part_of_a_country_are_stored(core: Core, file: Path) -> None:
    rules = (
        '[{ country = "GB", subdivision = "England" }, { country = "DE", subdivision = "Bavaria" }, { country = "FR" }]'
    )
    write(file, SMALL.replace("[[queue]]", f"holidays = {rules}\n[[queue]]", 1))
    await applied(core, file)
    assert (await applied(core, file)).lines == []
    stored = await core.db.value("select holidays from hours")
    assert [rule.get("subdivision") for rule in stored] == ["England", "Bavaria", None]
    assert "subdivision" not in stored[2]  # as it was always stored
