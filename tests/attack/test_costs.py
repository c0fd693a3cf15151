"""What is read in the loop of a web process: each call with its worst inputs, within the processor time of a moment."""

from __future__ import annotations

import resource
import subprocess
import sys

SECONDS = 30  # of processor time for all of them, imports included; one that is not linear takes longer alone


def test_worst_inputs_of_all_kinds_are_read_in_a_process_that_may_not_take_long() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from tests.bench.bench_hostile import once; once()"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS)),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
