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

from tests.integration.connectors.certificates import Certificates
from tests.integration.connectors.harness import free_port

PASSWORD = "secret"
HOW = "Dovecot is needed for this test: install it with `apt-get install dovecot-imapd dovecot-lmtpd`."
_CONFIG = """
base_dir={folder}/run
state_dir={folder}/state
protocols=imap
listen=127.0.0.1
{security}
log_path={folder}/log
default_internal_user={internal}
default_internal_group={group}
default_login_user={login}
first_valid_uid=1
first_valid_gid=1
mail_location=maildir:{folder}/mail/%u
mail_fsync=never
{passdb}
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
  unix_listener anvil-auth-penalty {{
    mode=0
  }}
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
    port={tls_port}
    ssl={direct}
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
    tls_port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        assert binary
        self.process = subprocess.Popen(
            [binary, "-F", "-c", str(self.folder / "dovecot.conf")], stderr=subprocess.DEVNULL
        )
        _answering(self.port, self.process, self.folder)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=15)
            self.process = None

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


def _security(certificates: Certificates | None) -> str:
    if certificates is None:
        return "ssl=no\ndisable_plaintext_auth=no"
    # As the big providers do it: no password in clear text, not from this machine either.
    return f"ssl=required\nssl_cert=<{certificates.cert}\nssl_key=<{certificates.key}\ndisable_plaintext_auth=yes"


def _passdb(folder: Path, introspection: str | None) -> str:
    """OAuth 2: tokens are shown to the test's own endpoint (RFC 7662)."""
    if introspection is None:
        return ""
    (folder / "oauth2.conf").write_text(
        f"introspection_mode=post\nintrospection_url={introspection}\nusername_attribute=username\n"
        "active_attribute=active\nactive_value=true\n"
    )
    return (
        "auth_mechanisms=plain login xoauth2 oauthbearer\npassdb {\n  driver=oauth2\n"
        f"  mechanisms=xoauth2 oauthbearer\n  args={folder}/oauth2.conf\n}}"
    )


@contextmanager
def running(
    folder: Path, *, certificates: Certificates | None = None, introspection: str | None = None
) -> Generator[Dovecot]:
    """A server; with certificates it wants TLS (`port` STARTTLS, `tls_port` from the first byte)."""
    available()
    port, tls_port = free_port(), free_port() if certificates else 0
    root = os.geteuid() == 0
    mail = pwd.getpwnam("mail") if root else pwd.getpwuid(os.geteuid())
    me = pwd.getpwuid(os.geteuid()).pw_name
    folder.chmod(0o755)
    (folder / "mail").mkdir()
    os.chown(folder / "mail", mail.pw_uid, mail.pw_gid)
    config = _CONFIG.format(
        folder=folder,
        port=port,
        tls_port=tls_port,
        direct="yes" if certificates else "no",
        security=_security(certificates),
        passdb=_passdb(folder, introspection),
        password=PASSWORD,
        uid=mail.pw_uid,
        gid=mail.pw_gid,
        internal="dovecot" if root else me,
        group="dovecot" if root else me,
        login="dovenull" if root else me,
    )
    (folder / "dovecot.conf").write_text(config)
    server = Dovecot(folder, port, tls_port)
    server.start()
    try:
        yield server
    finally:
        server.stop()


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
