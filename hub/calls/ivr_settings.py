"""What a caller goes through, as configured for a telephone number; the texts have defaults in two languages."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, StringConstraints

from hub.core.field_errors import form

Texts = dict[str, str]  # language -> words, or the URL of a recording of them
Key = Annotated[str, StringConstraints(pattern=form("keypad_key", r"^[0-9*#]$"))]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Option(_Part):
    """What a key, or one of `words` said aloud, leads to. `locale` changes the language first."""

    queue: str | None = None
    voicemail: bool = False
    locale: str | None = None
    words: list[str] = []


class CallFlow(_Part):
    """How one number treats its callers. Texts are per language; a text that is a URL is played instead of spoken."""

    locale: str = "en"
    languages: dict[str, str] = {"en": "en-US", "zh-CN": "cmn-CN"}  # ours -> the provider's
    voices: dict[str, str] = {"en": "Polly.Joanna-Neural", "zh-CN": "Polly.Zhiyu"}
    greeting: Texts = {}
    consent: Texts = {}  # that the call is recorded; spoken before anything is
    menu: Texts = {}
    options: dict[Key, Option] = {}
    menu_tries: int = Field(default=3, ge=1, le=10)
    speech: bool = True
    closed: Texts = {}
    when_closed: Literal["voicemail", "hangup"] = "voicemail"
    waiting: Texts = {}
    music: HttpUrl | None = None
    callback: bool = True
    voicemail: bool = True
    voicemail_seconds: int = Field(default=120, ge=5, le=3600)
    transcribe: bool = False
    record: bool = False
    keep_recordings_days: int = Field(default=90, ge=1, le=3650)
    longest_wait_seconds: int = Field(default=1800, ge=30, le=86_400)
    # Calling out: countries by their calling code; premium and shared-cost numbers never.
    dial_codes: list[Annotated[str, StringConstraints(pattern=form("calling_code", r"^\d{1,4}$"))]] = ["1"]
    dial_per_hour: int = Field(default=60, ge=0, le=100_000)


_WORDS: dict[str, Texts] = {
    "greeting": {"en": "Hello, and thank you for calling.", "zh-CN": "您好，感谢您的来电。"},
    "closed": {
        "en": "We are closed at the moment.",
        "zh-CN": "现在是非工作时间。",
    },
    "waiting": {
        "en": "You are number {position} in the queue. The wait is {wait}.",
        "zh-CN": "您排在第{position}位，预计等待时间：{wait}。",
    },
    "waiting_unattended": {
        "en": "You are number {position} in the queue. We cannot say yet how long it will take.",
        "zh-CN": "您排在第{position}位，目前还无法预计等待时间。",
    },
    "press_for_callback": {
        "en": "Press star to be called back without losing your place.",
        "zh-CN": "按星号键可以由我们回电，您的位置会保留。",
    },
    "callback_kept": {
        "en": "Thank you. We will call you back when it is your turn. Goodbye.",
        "zh-CN": "谢谢。轮到您时我们会给您回电。再见。",
    },
    "leave_message": {
        "en": "Please leave a message after the tone, and press hash when you are done.",
        "zh-CN": "请在提示音后留言，完毕请按井号键。",
    },
    "voicemail_kept": {"en": "Thank you for your message. Goodbye.", "zh-CN": "谢谢您的留言。再见。"},
    "connecting": {"en": "I am connecting you now.", "zh-CN": "正在为您接通。"},
    "agent": {
        "en": "A call for {queue}. Press 1 to take it.",
        "zh-CN": "{queue}有来电，请按1接听。",
    },
    "goodbye": {"en": "Goodbye.", "zh-CN": "再见。"},
}


def words(flow: CallFlow, name: str, locale: str) -> str:
    """A text in a language, else in English; the configured one before the default."""
    return worded(flow, name, locale)[0]


def worded(flow: CallFlow, name: str, locale: str) -> tuple[str, str]:
    """The same, and the language it is really in."""
    configured: Texts = getattr(flow, name, {}) if name in CallFlow.model_fields else {}
    for texts in (configured, _WORDS.get(name, {})):
        for language in (locale, locale.split("-")[0], flow.locale, "en"):
            if language in texts:
                return texts[language], locale if language == locale.split("-")[0] else language
    return "", locale
