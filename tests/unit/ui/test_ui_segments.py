"""The composer counts segments as the server does: both are held to one table."""

import json
from pathlib import Path
from typing import Any

import pytest

from hub.channels.segments import segments

CASES = json.loads(
    (Path(__file__).parents[3] / "hub" / "ui" / "desk" / "messaging" / "segments.json").read_text("utf-8")
)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_segments_are_counted_as_in_the_shared_table(case: dict[str, Any]) -> None:
    found = segments(case["part"] * case["times"])
    assert (found.count, found.encoding, found.units) == (case["count"], case["encoding"], case["units"])
