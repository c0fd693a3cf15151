"""What one mailbox needs to be configured with."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


class Imap(BaseModel):
    """Where mail is fetched.

    `first_run`: what is wanted of a mailbox never seen before; `after`: what is done with a mail once it is kept.
    """

    model_config = ConfigDict(extra="forbid")

    host: str = Field(min_length=1)
    port: int = Field(default=993, ge=1, le=65535)
    tls: Literal["tls", "none"] = "tls"
    ca_file: str | None = None
    user: str = Field(min_length=1)
    folder: str = "INBOX"
    first_run: str = Field(default="new", pattern=r"^(new|all|days:[1-9][0-9]{0,3})$")
    after: str = Field(default="seen", pattern=r"^(seen|delete|move:.{1,200})$")
    poll_seconds: float = Field(default=120.0, ge=1, le=3600)
    timeout_seconds: float = Field(default=60.0, ge=1, le=600)


class Smtp(BaseModel):
    """Where answers are handed over. TLS is as said here and never silently less."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["none", "starttls", "tls"] = "starttls"
    user: str | None = None
    ca_file: str | None = None
    connections: int = Field(default=4, ge=1, le=50)
    timeout_seconds: float = Field(default=60.0, gt=0, le=600)


class Settings(BaseModel):
    """One mailbox. Its address is the account's `address`; answers come back to `local+token@domain`.

    Mail comes by `imap`, or a mail server hands it to us at `listen_smtp` or `listen_lmtp` (`host:port`; several
    accounts may share one). `authserv_id` is the name our own mail server signs its Authentication-Results with;
    without it no sender counts as proved. The passwords stand here and not in their sections because every secret of
    an account is sealed by its name.
    """

    model_config = ConfigDict(extra="forbid")

    imap: Imap | None = None
    imap_password: SecretStr | None = None
    smtp: Smtp | None = None
    smtp_password: SecretStr | None = None
    listen_smtp: str | None = None
    listen_lmtp: str | None = None
    from_name: str | None = None
    aliases: list[str] = Field(default_factory=list)
    authserv_id: str | None = None
    verp: bool = True

    @field_validator("listen_smtp", "listen_lmtp")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}", value):
            raise ValueError(f"{value!r} is not host:port, such as 127.0.0.1:2525")
        return value

    @model_validator(mode="after")
    def _imap_needs_a_password(self) -> Settings:
        if self.imap is not None and self.imap_password is None:
            raise ValueError("imap needs imap_password")
        return self


def host_port(value: str) -> tuple[str, int]:
    """`host:port` taken apart."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)
