"""A real nginx before a hub that lies below a path of its host."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Each server passes one path on: the first as it came, the second without the prefix.
_CONFIG = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 40m;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    server {{
        listen 127.0.0.1:{kept};
        location {prefix}/ {{ proxy_pass http://127.0.0.1:{hub}; }}
        location = {prefix} {{ return 301 {prefix}/; }}
        location / {{ return 404 "somebody else's page\\n"; }}
    }}
    server {{
        listen 127.0.0.1:{stripped};
        location {prefix}/ {{ proxy_pass http://127.0.0.1:{hub}/; }}
        location / {{ return 404 "somebody else's page\\n"; }}
    }}
}}
"""


@contextmanager
def nginx(folder: Path, *, prefix: str, hub: int, kept: int, stripped: int) -> Generator[None]:
    """Debian's nginx on two ports; skipped with the reason where there is none, a failure in CI."""
    program = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else None)
    if program is None:
        words = "nginx is not installed: apt-get install nginx-light"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(words)
    config = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(_CONFIG.format(folder=folder, prefix=prefix, hub=hub, kept=kept, stripped=stripped, user=user))
    process = subprocess.Popen([program, "-c", str(config), "-p", str(folder)], stderr=subprocess.PIPE)
    try:
        ends = time.monotonic() + 10
        while not (folder / "nginx.pid").exists():
            assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
            assert time.monotonic() < ends, "nginx does not start"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)
        if process.stderr is not None:
            process.stderr.close()
