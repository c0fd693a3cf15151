"""A private Dovecot: real IMAP with IDLE, real UIDVALIDITY, real `kick`."""

from __future__ import annotations

import imaplib
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.connectors.harness import free_port

PASSWORD = "secret"
HOW = "Dovecot is needed for this test: install it with `apt-get install dovecot-imapd dovecot-lmtpd`."
_CONFIG = """
base_dir={folder}/run
state_dir={folder}/state
protocols=imap
listen=127.0.0.1
ssl=no
disable_plaintext_auth=no
log_path={folder}/log
default_internal_user={internal}
default_internal_group={group}
default_login_user={login}
first_valid_uid=1
first_valid_gid=1
mail_location=maildir:{folder}/mail/%u
mail_fsync=never
passdb {{
  driver=static
  args=password={password}
}}
userdb {{
  driver=static
  args=uid={uid} gid={gid} home={folder}/mail/%u allow_all_users=yes
}}
service anvil {{
  chroot=
}}
service stats {{
  chroot=
}}
service imap-login {{
  chroot=
  inet_listener imap {{
    port={port}
  }}
  inet_listener imaps {{
    port=0
  }}
}}
"""


def available() -> None:
    """Skip without Dovecot, or fail where nothing may be skipped."""
    if shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
        if os.environ.get("CI") == "true":
            pytest.fail(HOW)
        pytest.skip(HOW)


@dataclass
class Dovecot:
    """A running server; any user name signs in with `PASSWORD`."""

    folder: Path
    port: int

    def admin(self, *command: str) -> None:
        subprocess.run(
            ["doveadm", "-c", str(self.folder / "dovecot.conf"), *command], check=True, capture_output=True, timeout=20
        )

    @contextmanager
    def session(self, user: str) -> Generator[imaplib.IMAP4]:
        """An independent client, as the customer's other mail program."""
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=20)
        client.login(user, PASSWORD)
        try:
            yield client
        finally:
            client.logout()

    def append(self, user: str, *mails: bytes, folder: str = "INBOX") -> None:
        with self.session(user) as client:
            for mail in mails:
                client.append(folder, "", "", mail)

    def flags(self, user: str, folder: str = "INBOX") -> list[bytes]:
        with self.session(user) as client:
            client.select(folder, readonly=True)
            found = client.uid("fetch", "1:*", "(FLAGS)")[1]
            return [line for line in found if isinstance(line, bytes)]

    def count(self, user: str, folder: str) -> int:
        with self.session(user) as client:
            status, found = client.select(folder, readonly=True)
            return int(found[0] or 0) if status == "OK" else 0


@contextmanager
def running(folder: Path) -> Generator[Dovecot]:
    available()
    port = free_port()
    root = os.geteuid() == 0
    mail = pwd.getpwnam("mail") if root else pwd.getpwuid(os.geteuid())
    me = pwd.getpwuid(os.geteuid()).pw_name
    folder.chmod(0o755)
    (folder / "mail").mkdir()
    os.chown(folder / "mail", mail.pw_uid, mail.pw_gid)
    config = _CONFIG.format(
        folder=folder,
        port=port,
        password=PASSWORD,
        uid=mail.pw_uid,
        gid=mail.pw_gid,
        internal="dovecot" if root else me,
        group="dovecot" if root else me,
        login="dovenull" if root else me,
    )
    (folder / "dovecot.conf").write_text(config)
    binary = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert binary
    process = subprocess.Popen([binary, "-F", "-c", str(folder / "dovecot.conf")], stderr=subprocess.DEVNULL)
    try:
        _answering(port, process, folder)
        yield Dovecot(folder, port)
    finally:
        process.terminate()
        process.wait(timeout=15)


def _answering(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    ends = time.monotonic() + 15
    while time.monotonic() < ends:
        try:
            imaplib.IMAP4("127.0.0.1", port, timeout=5).logout()
        except (OSError, imaplib.IMAP4.error):
            if process.poll() is not None:
                break
            time.sleep(0.02)
        else:
            return
    log = (folder / "log").read_text() if (folder / "log").exists() else ""
    raise RuntimeError(f"Dovecot did not start: {log[-2000:]}")
