"""A private Postfix: takes our mail on loopback, knows one mailbox, and reports what it could not deliver."""

from __future__ import annotations

import os
import pwd
import shutil
import smtplib
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.connectors.harness import free_port

HOW = "Postfix is needed for this test, and root to start it: `apt-get install postfix`."
_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
myhostname = mx.elsewhere.example
mydestination =
relay_domains =
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = customer.example
virtual_mailbox_maps = texthash:{folder}/mailboxes
virtual_transport = virtual
virtual_mailbox_base = {folder}/mail
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_reject_unlisted_recipient = no
transport_maps = texthash:{folder}/transport
alias_maps =
alias_database =
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
lmtp_destination_concurrency_limit = 2
smtp_dns_support_level = disabled
bounce_queue_lifetime = 1m
"""


def available() -> None:
    """Skip without it, or fail where nothing may be skipped."""
    found = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None or os.geteuid() != 0:
        if os.environ.get("CI") == "true" and os.geteuid() == 0:
            pytest.fail(HOW)
        pytest.skip(HOW)


def _master(port: int) -> str:
    """Only what is needed: no pickup from local programs, nothing on the usual port, nothing chrooted."""
    services = [
        f"127.0.0.1:{port} inet n - n - - smtpd",
        "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 1 1 qmgr", "rewrite unix - - n - - trivial-rewrite",
        "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce",
        "error unix - - n - - error", "retry unix - - n - - error", "discard unix - - n - - discard",
        "lmtp unix - - n - - lmtp", "smtp unix - - n - - smtp", "virtual unix - n n - - virtual",
        "proxymap unix - - n - - proxymap", "anvil unix - - n - 1 anvil", "tlsmgr unix - - n 1000? 1 tlsmgr",
        "flush unix n - n 1000? 0 flush", "verify unix - - n - 1 verify", "postlog unix-dgram n - n - 1 postlogd",
    ]  # fmt: skip
    return "\n".join(services) + "\n"


@contextmanager
def running(folder: Path, *, lmtp_port: int, domain: str = "hub.example") -> Generator[int]:
    """A Postfix whose port it yields: `ann@customer.example` exists, everybody else there does not; mail for `domain`
    goes to our LMTP listener, and so do its reports to our return path."""
    available()
    port = free_port()
    owner = pwd.getpwnam("postfix")
    folder.chmod(0o755)
    for name in ("queue", "data", "etc", "mail"):
        (folder / name).mkdir()
    for name in ("data", "mail"):
        os.chown(folder / name, owner.pw_uid, owner.pw_gid)
    daemons = next(d for d in ("/usr/lib/postfix/sbin", "/usr/libexec/postfix") if Path(d).is_dir())
    (folder / "mailboxes").write_text("ann@customer.example ann/\n")
    (folder / "transport").write_text(f"{domain} lmtp:inet:127.0.0.1:{lmtp_port}\n")
    (folder / "etc" / "main.cf").write_text(
        _MAIN.format(folder=folder, daemons=daemons, uid=owner.pw_uid, gid=owner.pw_gid)
    )
    (folder / "etc" / "master.cf").write_text(_master(port))
    config = str(folder / "etc")
    # `postfix start` insists on the machine's own main.cf naming every instance; its master does not.
    environment = {**os.environ, "MAIL_CONFIG": config}
    for name in (
        "active",
        "bounce",
        "corrupt",
        "defer",
        "deferred",
        "flush",
        "hold",
        "incoming",
        "private",
        "saved",
        "trace",
    ):
        made = folder / "queue" / name
        made.mkdir(exist_ok=True)
        os.chown(made, owner.pw_uid, -1)
    for name in ("maildrop", "public", "pid"):
        made = folder / "queue" / name
        made.mkdir(exist_ok=True)
        if name != "pid":
            shutil.chown(made, owner.pw_uid, "postdrop")
    process = subprocess.Popen(
        [f"{daemons}/master", "-c", config, "-d"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _answering(port, process, folder)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answering(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
                client.noop()
                return
        except (OSError, smtplib.SMTPException):
            if process.poll() is not None:
                break
            time.sleep(0.05)
    log = (folder / "log").read_text() if (folder / "log").exists() else "no log"
    raise RuntimeError(f"Postfix did not start ({process.poll()}): {log[-2000:]}")
