"""Cold start: from the command to `/health/ready`, on an installed machine and an empty data folder."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.bench.bench_live import free_port
from tests.bench.stage import Figure, show


def start(data: Path) -> float:
    """Seconds until the hub says it is ready."""
    port = free_port()
    started = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "hub.cli",
        "up",
        "--demo",
        "--quiet-customers",
        "--port",
        str(port),
        "--data",
        str(data),
    ]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - started < 60:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2):
                    return time.perf_counter() - started
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
        raise TimeoutError("not ready after a minute")
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(20)


def _open(folder: str) -> Path:
    Path(folder).chmod(0o755)
    return Path(folder) / "data"


async def run() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        data = _open(folder)
        first = await asyncio.to_thread(start, data)
        again = await asyncio.to_thread(start, data)
    return [
        Figure("first start, empty data folder", f"{first:.1f} s", "<= 8 s", first <= 8),
        Figure("second start, data kept", f"{again:.1f} s"),
    ]


if __name__ == "__main__":
    show("Cold start", asyncio.run(run()))
