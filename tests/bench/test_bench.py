"""Every benchmark runs, at a size that measures nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import TITLES

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(660)  # nine embedded servers are started for it
def test_every_benchmark_runs_to_its_end_when_it_is_small() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench"],
        cwd=ROOT, env={**os.environ, "BENCH_SIZE": "small"}, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-8000:]
    assert [title for title in TITLES if f"\n{title}\n" not in done.stdout] == []
