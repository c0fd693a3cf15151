"""What one Twilio number needs to be configured with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, field_validator

from hub.calls.ivr_settings import CallFlow
from hub.channels.limits import Limits
from hub.core.field_errors import form


class TemplateSetting(BaseModel):
    """An approved template, for accounts whose API key may not read the Content API. Places are like `{{1}}`."""

    model_config = ConfigDict(extra="forbid")

    sid: str = Field(pattern=form("content_sid", r"^HX[0-9a-fA-F]{32}$"))
    name: str
    body: str
    language: str = "en"
    variables: dict[str, str] = Field(default_factory=dict[str, str])


class Settings(BaseModel):
    """One number of a Twilio account. The number itself is the account's `address` (E.164).

    `auth_token` signs webhooks and, without an API key, our requests; `previous_auth_token` is still believed on
    webhooks while a rotation is under way. `api_base` is where the REST API is: Twilio itself, or a stand-in.

    Of messages: `limits` bound the sending; `answers_opt_out` says that Twilio itself replies to STOP, START and HELP
    (as it does unless that is turned off); `keep_media` leaves received files with Twilio after they are stored here;
    `media_hosts` are further places that Twilio's media addresses may lead to; `templates` beside those of the
    Content API.

    Of a number for calls: `voice` is what callers hear; the API key signs the tokens of browser telephones, and
    `twiml_app_sid` lets them dial. `simulate_device` is for the stand-in, which has no sound.
    """

    model_config = ConfigDict(extra="forbid")

    account_sid: str = Field(pattern=form("account_sid", r"^AC[0-9a-fA-F]{32}$"))
    auth_token: SecretStr = Field(min_length=16)
    previous_auth_token: SecretStr | None = Field(default=None, min_length=16)
    api_key_sid: str | None = Field(default=None, pattern=form("key_sid", r"^SK[0-9a-fA-F]{32}$"))
    api_key_secret: SecretStr | None = None
    messaging_service_sid: str | None = Field(default=None, pattern=form("service_sid", r"^MG[0-9a-fA-F]{32}$"))
    api_base: HttpUrl = HttpUrl("https://api.twilio.com")
    limits: Limits = Field(default_factory=Limits)
    answers_opt_out: bool = True
    keep_media: bool = False
    media_hosts: list[str] = Field(default_factory=list[str])
    templates: list[TemplateSetting] = Field(default_factory=list[TemplateSetting])
    voice: CallFlow = Field(default_factory=CallFlow)
    twiml_app_sid: str | None = Field(default=None, pattern=form("application_sid", r"^AP[0-9a-fA-F]{32}$"))
    simulate_device: bool = False
    timeout_seconds: float = Field(default=15.0, gt=0, le=120)

    @field_validator("previous_auth_token", "api_key_secret", mode="before")
    @classmethod
    def _blank_is_none(cls, value: object) -> object:
        return None if value == "" else value

    def tokens(self) -> list[str]:
        """Every secret a webhook may be signed with, the current one first."""
        found = [self.auth_token, self.previous_auth_token]
        return [secret.get_secret_value() for secret in found if secret is not None and secret.get_secret_value()]

    def credentials(self) -> tuple[str, str]:
        """User name and password of our own requests."""
        if self.api_key_sid and self.api_key_secret:
            return self.api_key_sid, self.api_key_secret.get_secret_value()
        return self.account_sid, self.auth_token.get_secret_value()
