"""What one mailbox needs to be configured with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from hub.core.field_errors import FieldError, Place, form, gathered, named, refuse, wrong

_IMAP_SERVER = ("imap.host", "imap.port", "imap.tls", "imap.ca_file")
_SMTP_SERVER = ("smtp.host", "smtp.port", "smtp.tls", "smtp.ca_file")
_TOKEN_SERVER = ("oauth.provider", "oauth.tenant", "oauth.token_url")


LanguageCode = Annotated[str, Field(pattern=form("language_code", r"^[a-z]{2,3}$"))]


class Imap(BaseModel):
    """Where mail is fetched.

    `first_run`: what is wanted of a mailbox never seen before; `after`: what is done with a mail once it is kept.
    """

    model_config = ConfigDict(extra="forbid")

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(default=993, ge=1, le=65535)
    tls: Literal["tls", "starttls", "none"] = "tls"
    ca_file: str | None = None
    user: str = Field(min_length=1, max_length=320)
    folder: str = Field(default="INBOX", min_length=1, max_length=500)
    first_run: str = Field(default="new", pattern=form("first_run", r"^(new|all|days:[1-9][0-9]{0,3})$"))
    after: str = Field(default="seen", pattern=form("after_fetch", r"^(seen|leave|delete|move:.{1,200})$"))
    poll_seconds: float = Field(default=120.0, ge=1, le=3600)
    timeout_seconds: float = Field(default=60.0, ge=1, le=600)

    @field_validator("folder")
    @classmethod
    def _inbox(cls, value: str) -> str:
        return "INBOX" if value.upper() == "INBOX" else value  # RFC 9051 §5.1: in any case the same folder


class Smtp(BaseModel):
    """Where answers are handed over. TLS is as said here and never silently less.

    `per_domain` and `per_minute` bound what goes to one recipient domain: at once, and in a minute (0: no bound).
    """

    model_config = ConfigDict(extra="forbid")

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["none", "starttls", "tls"] = "starttls"
    user: str | None = Field(default=None, max_length=320)
    ca_file: str | None = None
    connections: int = Field(default=4, ge=1, le=50)
    per_domain: int = Field(default=4, ge=1, le=50)
    per_minute: int = Field(default=0, ge=0, le=100_000)
    timeout_seconds: float = Field(default=60.0, gt=0, le=600)


class OAuth(BaseModel):
    """How a mailbox is opened without a password (RFC 6749 §6): with what the provider gave us for its owner's consent.

    `other` names its `token_url` itself.
    """

    model_config = ConfigDict(extra="forbid")

    provider: Literal["google", "microsoft", "other"]
    client_id: str = Field(min_length=1, max_length=500)
    tenant: str = Field(default="common", pattern=form("tenant", r"^[A-Za-z0-9.-]{1,100}$"))
    token_url: str | None = Field(default=None, pattern=form("url", r"^https?://[^\s]{1,500}$"))
    scope: str | None = Field(default=None, max_length=1000)

    @model_validator(mode="after")
    def _other_says_where(self) -> OAuth:
        if self.provider == "other" and self.token_url is None:
            raise refuse("token_url")
        return self


class Dkim(BaseModel):
    """We sign our mails (RFC 6376); `dkim_key` is the private key. Leave it out where the mail server signs."""

    model_config = ConfigDict(extra="forbid")

    selector: str = Field(pattern=form("selector", r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,62})$"))
    domain: str | None = Field(default=None, pattern=form("host", r"^[A-Za-z0-9.-]{1,253}$"))


class Settings(BaseModel):
    """One mailbox.

    Its address is the account's `address`; answers come back to `local+token@domain`, or to the plain address where
    `plus_addresses` is off because the mail server knows none: they find their conversation by what they refer to.
    Mail comes by `imap`, or a mail server hands it to us at `listen_smtp` or `listen_lmtp` (`host:port`; several
    accounts may share one, and then say the same of its TLS). With `listen_user` only those who sign in may hand
    anything over. `authserv_id` is the name our own mail server signs its Authentication-Results with; without it no
    sender counts as proved. `forms` are the addresses (or `@domains`) of contact forms, shops and the like that write
    in customers' names: the customer is whom the Reply-To names. `languages` (`ru`, `zh`) are those its customers write
    in, for text that names no charset. `sent` says who keeps a copy of what we send: the
    `server` by itself, or we `append` it. The passwords stand here and not in their sections because every secret of
    an account is sealed by its name.
    """

    model_config = ConfigDict(extra="forbid")

    # Where each secret goes: an administrator who changes one of these enters the secret again.
    secret_places: ClassVar[dict[str, tuple[str, ...]]] = {
        "imap_password": _IMAP_SERVER,
        "smtp_password": _SMTP_SERVER,
        "oauth_client_secret": _TOKEN_SERVER,
        "oauth_refresh_token": (*_TOKEN_SERVER, *_IMAP_SERVER, *_SMTP_SERVER),
        "listen_password": (),
        "dkim_key": (),
    }

    # Two accounts may have one address when each fetches a folder of its own.
    apart_by: ClassVar[tuple[str, ...]] = ("imap.folder",)

    imap: Imap | None = None
    imap_password: SecretStr | None = None
    smtp: Smtp | None = None
    smtp_password: SecretStr | None = None
    oauth: OAuth | None = None
    oauth_client_secret: SecretStr | None = None
    oauth_refresh_token: SecretStr | None = None
    listen_smtp: str | None = None
    listen_lmtp: str | None = None
    listen_tls: Literal["none", "starttls", "tls"] = "none"
    listen_cert: str | None = None
    listen_key: str | None = None
    listen_user: str | None = None
    listen_password: SecretStr | None = None
    from_name: str | None = Field(default=None, max_length=200)
    aliases: list[str] = Field(default_factory=list)
    forms: list[str] = Field(default_factory=list, max_length=100)
    languages: list[LanguageCode] = Field(default_factory=list, max_length=20)
    authserv_id: str | None = None
    plus_addresses: bool = True
    verp: bool = True
    sent: Literal["server", "append", "none"] = "server"
    sent_folder: str | None = Field(default=None, max_length=500)
    dkim: Dkim | None = None
    dkim_key: SecretStr | None = None
    max_message_mb: int = Field(default=25, ge=1, le=500)

    @field_validator("forms")
    @classmethod
    def _addresses(cls, value: list[str]) -> list[str]:
        for one in value:
            if not re.fullmatch(r"[^@\s<>,]*@[A-Za-z0-9.-]{1,253}", one):
                raise refuse("form_sender", given=one[:100])
        return [one.lower() for one in value]

    @field_validator("listen_smtp", "listen_lmtp")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}", value):
            raise refuse("server_address")
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _with_all_that_belongs_to_it(cls, data: Any, handler: ModelWrapValidatorHandler[Settings]) -> Settings:
        """What is missing is named at once with what is wrong, not one thing at each try."""
        lacking: list[tuple[Place, FieldError]] = [((name,), what) for name, what in _lacking(data)]
        try:
            settings = handler(data)
        except ValidationError as error:
            lacking = [*named(error), *lacking]
        else:
            if not lacking:
                return settings
        raise gathered(cls.__name__, lacking)


def _lacking(data: Any) -> Iterator[tuple[str, FieldError]]:
    """Which settings something else given asks for, as far as can be seen before they are read."""
    if not isinstance(data, dict):
        return
    given = {str(name) for name, value in cast("dict[Any, Any]", data).items() if value is not None}
    if "oauth" in given and "oauth_refresh_token" not in given:
        yield "oauth_refresh_token", wrong("needed_with", other="oauth")
    if "imap" in given and not given & {"imap_password", "oauth"}:
        yield "imap_password", wrong("needed_with", other="imap")
    if data.get("listen_tls", "none") != "none":
        absent = (name for name in ("listen_cert", "listen_key") if not data.get(name))
        yield from ((name, wrong("needed_with", other="listen_tls")) for name in absent)
    for one, other in (("listen_user", "listen_password"), ("dkim", "dkim_key")):
        if (one in given) != (other in given):
            lacks, has = (other, one) if one in given else (one, other)
            yield lacks, wrong("needed_with", other=has)


def host_port(value: str) -> tuple[str, int]:
    """`host:port` taken apart."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)
