"""What one chat site needs to be configured with."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from hub.core.field_errors import refuse


class Settings(BaseModel):
    """One chat site.

    `origins` are the web origins allowed to embed the widget and open its socket ("*": any); the hub's own public
    URL always is. `greeting` by locale; `prechat` asks for name and e-mail before the first message.

    With `identity_key` (at least 32 bytes) the site's server signs who its visitor is; `identity_key_old` is good
    beside it while keys change. `identity` says whether pages may name a visitor without such a token.

    A message of a visitor's has at most `max_text` characters. `files` says whether visitors may send files, none of
    them larger than `max_file_bytes`.

    An answer that its visitor was not there to see goes by mail `mail_after_seconds` later, if they gave an address:
    from the mailbox `mail_account` (its key), else one of the same queue, of no queue, or the only one there is.
    `mail_when_left` turns that off.

    `new_chats` is how many one network may begin in ten minutes, `new_chats_of_site` how many all of them together.
    """

    model_config = ConfigDict(extra="forbid")

    origins: list[str] = Field(default_factory=list)
    greeting: dict[str, str] = Field(default_factory=dict)
    prechat: bool = False
    token_days: int = Field(default=180, ge=1, le=3650)
    leave_seconds: float = Field(default=30.0, ge=0, le=3600)
    max_text: int = Field(default=20_000, ge=1, le=20_000)
    files: bool = True
    max_file_bytes: int = Field(default=10 * 2**20, ge=1024, le=25 * 2**20)
    mail_when_left: bool = True
    mail_after_seconds: float = Field(default=60.0, ge=0, le=86_400)
    mail_account: str | None = None
    new_chats: int = Field(default=20, ge=1, le=100_000)
    new_chats_of_site: int = Field(default=600, ge=1, le=1_000_000)
    identity: Literal["optional", "required"] = "optional"
    identity_key: SecretStr | None = None
    identity_key_old: SecretStr | None = None

    @field_validator("identity_key", "identity_key_old")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < 32:
            raise refuse("short_secret", min=32)
        return value

    @model_validator(mode="after")
    def _proof_needs_a_key(self) -> Settings:
        if self.identity == "required" and self.identity_key is None:
            raise refuse("needs", other="identity_key")
        return self

    @field_validator("origins")
    @classmethod
    def _plain_origins(cls, value: list[str]) -> list[str]:
        found = [origin.rstrip("/").lower() for origin in value]
        for origin in found:
            scheme, _, rest = origin.partition("://")
            if origin != "*" and (scheme not in {"http", "https"} or not rest or "/" in rest):
                raise refuse("origin")
        return found

    def greeting_for(self, locale: str | None) -> str:
        """The greeting in this locale, else in its language, else in English, else any."""
        wanted = [locale or "", (locale or "").split("-")[0], "en", *self.greeting]
        return next((self.greeting[key] for key in wanted if key in self.greeting), "")
