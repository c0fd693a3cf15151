"""How one gateway speaks: what its requests look like, and where things stand in its webhooks; configuration alone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from connectors.httpsms.mapping import PLACES, places
from hub.channels.limits import Limits
from hub.contacts.identity import is_region
from hub.core.field_errors import form, refuse

Path = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=form("field_path", r"^[^\s.]+(\.[^\s.]+)*$"))
]
Header = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=form("header", r"^[A-Za-z0-9-]+$"))]
Words = dict[Literal["sent", "delivered", "read", "failed"], list[str]]
_USUAL: Words = {
    "sent": ["accepted", "queued", "buffered", "sent", "acceptd", "enroute"],
    "delivered": ["delivered", "delivrd"],
    "failed": ["failed", "undelivered", "undeliv", "rejected", "rejectd", "expired", "deleted", "error", "unknown"],
}


class Request(BaseModel):
    """The request that sends one message.

    Values of `fields` and `headers` may hold places: {to}, {to_digits}, {from}, {text}, {reference} (ours, the same at
    each try), {status_url}, {user}, {password}, {token}. A dot in a field's name goes a level deeper in JSON, a number
    there is a place in a list.
    """

    model_config = ConfigDict(extra="forbid")

    url: HttpUrl
    method: Literal["GET", "POST", "PUT"] = "POST"
    format: Literal["form", "json", "query"] = "form"
    fields: dict[Path, str] = Field(min_length=1)
    headers: dict[Header, str] = Field(default_factory=dict[Header, str])

    @model_validator(mode="after")
    def _known_places(self) -> Request:
        for name, value in [*self.fields.items(), *self.headers.items()]:
            if strange := sorted(places(value) - PLACES):
                known = ", ".join(sorted(PLACES))
                raise refuse("place", name=name, place=f"{{{strange[0][:100]}}}", choices=known)
        if not any("text" in places(value) for value in self.fields.values()):
            raise refuse("no_text")
        if self.method == "GET" and self.format != "query":
            raise refuse("get_query")
        return self


class Answer(BaseModel):
    """What the gateway's answer means. Paths are as in `Request`; an answer that is no JSON has one field, `body`.

    With `ok_path`, only an answer that has one of `ok_values` there was taken. `retry_values` there mean: not now.
    """

    model_config = ConfigDict(extra="forbid")

    id_path: Path | None = None
    ok_path: Path | None = None
    ok_values: list[str] = Field(default_factory=list[str])
    retry_values: list[str] = Field(default_factory=list[str])
    error_path: Path | None = None
    retry_statuses: list[int] = Field(default_factory=lambda: [429, 503])


class Received(BaseModel):
    """Where things stand in the webhook of a received message; `id` is what makes a repeat harmless.

    `country` (ISO 3166, as GB) is whose national numbers the gateway writes; without it they begin with a country's
    code.
    """

    model_config = ConfigDict(extra="forbid")

    id: Path
    sender: Path
    text: Path
    to: Path | None = None
    list_path: Path | None = None  # where the gateway sends several at once
    country: str | None = None
    reply: str = "OK"
    reply_type: str = "text/plain"

    @field_validator("country")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and not is_region(value):
            raise refuse("country")
        return value


class Reported(BaseModel):
    """Where things stand in the webhook of a status; `words` are the gateway's, in whatever case."""

    model_config = ConfigDict(extra="forbid")

    id: Path
    status: Path
    error: Path | None = None
    list_path: Path | None = None
    words: Words = Field(default_factory=lambda: {k: list(v) for k, v in _USUAL.items()})
    reply: str = "OK"
    reply_type: str = "text/plain"


class Settings(BaseModel):
    """One number at a gateway. The number itself is the account's `address`.

    Webhooks are proved by `hook_secret`: in the address (`?key=…`), as the password of a basic sign-in, or as the key
    of an HMAC-SHA256 over the body (of a GET: the query) in `signature_header`, hex or base64, perhaps after `sha256=`.
    """

    model_config = ConfigDict(extra="forbid")

    send: Request
    answer: Answer = Field(default_factory=Answer)
    received: Received
    reported: Reported | None = None
    hook_proof: Literal["key", "basic", "hmac"] = "key"
    signature_header: Header = "X-Signature"
    hook_secret: SecretStr = Field(min_length=16)
    previous_hook_secret: SecretStr | None = Field(default=None, min_length=16)
    user: str = ""
    password: SecretStr | None = None
    token: SecretStr | None = None
    basic_auth: bool = False
    answers_opt_out: bool = False
    limits: Limits = Field(default_factory=Limits)
    timeout_seconds: float = Field(default=15.0, gt=0, le=45)

    def secrets(self) -> list[str]:
        """What a webhook may be proved with, the current one first."""
        found = (self.hook_secret, self.previous_hook_secret)
        return [s.get_secret_value() for s in found if s is not None and s.get_secret_value()]
