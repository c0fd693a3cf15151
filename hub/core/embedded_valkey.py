"""The embedded Valkey: notifications, and nothing kept."""

from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path

from hub.core.errors import ConfigError
from hub.core.folder import OpenFolder
from hub.core.processes import end, spawn, tail, wait_until


class Valkey:
    """One server on a socket."""

    name = "Valkey"

    def __init__(self, folder: Path, sockets: OpenFolder, program: Path):
        self.log = folder / "valkey.log"
        self._sockets = sockets
        self._program = program

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"unix://{self._sockets.for_clients}/valkey.sock"

    def start(self, stopping: threading.Event) -> subprocess.Popen[bytes]:
        """Start it and return when it listens."""
        socket = self._sockets.path / "valkey.sock"
        socket.unlink(missing_ok=True)
        # Started where its socket is to be: no path, however long or odd, has to be written as one of its options.
        command = [str(self._program), "--port", "0", "--unixsocket", socket.name, "--unixsocketperm", "700"]
        command += ["--save", "", "--appendonly", "no", "--daemonize", "no"]
        command += ["--maxmemory", "256mb", "--maxmemory-policy", "noeviction"]
        process = spawn(command, self.log, signal.SIGTERM, folder=self._sockets.path)
        if not wait_until(lambda: socket.exists() or process.poll() is not None, 20, stopping) or not socket.exists():
            self.stop(process)
            raise ConfigError(f"Valkey did not start: {tail(self.log)}", remedy=f"See {self.log}.")
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End it; what it knew is of no worth."""
        end(process, signal.SIGTERM, 8)
