"""The stand-in's messages: Twilio's resource shapes, error bodies and signature, without any network."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson

from hub.channels.segments import segments
from hub.core.clock import now
from hub.demo.twilio.content import Content

API = "2010-04-01"
_USER = re.compile(r"^[A-Za-z]{2}\.[A-Za-z0-9]{1,128}$")  # a WhatsApp user's own id (BSUID)
_E164 = re.compile(r"^\+[1-9]\d{6,14}$")
# Twilio's magic numbers for test credentials, with the errors they give.
MAGIC = {
    "+15005550001": (21211, "The 'To' number +15005550001 is not a valid phone number."),
    "+15005550002": (21612, "The 'To' phone number +15005550002 is not currently reachable using this 'From' number."),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region of '+15005550003'."),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number +15005550009 is not a valid mobile number"),
}
UNREACHABLE = "+15005550030"  # ours: accepted, and reported undelivered with error 30003 a moment later
STOP_WORDS = frozenset({"STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"})
MAGIC_SENDERS = {
    "+15005550001": (21212, "The 'From' number +15005550001 is not a valid phone number."),
    "+15005550007": (21606, "The 'From' phone number provided (+15005550007) is not a valid message-capable number."),
    "+15005550008": (21611, "The queue for the 'From' number is full."),
}
# Twilio's words for the errors that the stand-in's messages end in.
WORDS = {
    11200: "HTTP retrieval failure",
    21610: "Attempt to send to unsubscribed recipient",
    30003: "Unreachable destination handset",
    63016: "Failed to send freeform message because you are outside the allowed window.",
}
WINDOW = timedelta(hours=24)  # of WhatsApp: free text only so long after the user's last message
START_WORDS = frozenset({"START", "UNSTOP"})


def signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """X-Twilio-Signature: HMAC-SHA1 over the URL and the sorted fields, base64."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), hashlib.sha1)).decode()


def sid(prefix: str) -> str:
    """A new identifier in Twilio's form."""
    return prefix + secrets.token_hex(16)


class ApiError(Exception):
    """An error answer of the API."""

    def __init__(self, status: int, code: int, message: str, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.body = {
            "code": code, "message": message, "status": status,
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
        }  # fmt: skip


@dataclass(slots=True)
class Media:
    """A file of a message."""

    content_type: str
    body: bytes
    sid: str = field(default_factory=lambda: sid("ME"))
    created: datetime = field(default_factory=now)

    def as_json(self, message: Message) -> dict[str, Any]:
        """The Media resource."""
        when = format_datetime(self.created)
        return {
            "account_sid": message.account_sid, "content_type": self.content_type, "date_created": when,
            "date_updated": when, "parent_sid": message.sid, "sid": self.sid,
            "uri": f"{message.path}/Media/{self.sid}.json",
        }  # fmt: skip


@dataclass(slots=True)
class Message:
    """One message, in or out. `extra` are fields that only the webhook of a WhatsApp message has."""

    account_sid: str
    sender: str
    to: str
    body: str
    direction: str
    status: str
    callback: str | None = None
    error_code: int | None = None
    sid: str = field(default_factory=lambda: sid("SM"))
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    sent: datetime | None = None
    media: list[Media] = field(default_factory=list[Media])
    media_urls: list[str] = field(default_factory=list[str])
    content_sid: str = ""
    content_variables: dict[str, str] = field(default_factory=dict[str, str])
    extra: dict[str, str] = field(default_factory=dict[str, str])
    service: str = ""  # the messaging service that chose the number
    leaves: datetime | None = None  # a moment to wait for

    @property
    def path(self) -> str:
        """Where its resource lies, without `.json`."""
        return f"/{API}/Accounts/{self.account_sid}/Messages/{self.sid}"

    def as_json(self) -> dict[str, Any]:
        """The Message resource."""
        return {
            "account_sid": self.account_sid,
            "api_version": API,
            "body": self.body,
            "date_created": format_datetime(self.created),
            "date_sent": format_datetime(self.sent) if self.sent else None,
            "date_updated": format_datetime(self.updated),
            "direction": self.direction,
            "error_code": self.error_code,
            "error_message": WORDS.get(self.error_code) if self.error_code else None,
            "from": self.sender,
            "messaging_service_sid": self.service or None,
            "num_media": str(len(self.media) + len(self.media_urls)),
            "num_segments": str(segments(self.body).count),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{self.path}/Media.json"},
            "to": self.to,
            "uri": f"{self.path}.json",
        }

    def move(self, status: str, error_code: int | None = None) -> None:
        """Go on to the next status."""
        self.status, self.error_code, self.updated = status, error_code, now()
        if status == "sent":
            self.sent = self.updated

    def callback_form(self) -> dict[str, str]:
        """What a status callback says."""
        form = {
            "AccountSid": self.account_sid, "ApiVersion": API, "From": self.sender, "To": self.to,
            "MessageSid": self.sid,
            "SmsSid": self.sid, "MessageStatus": self.status, "SmsStatus": self.status,
        }  # fmt: skip
        return form | ({"ErrorCode": str(self.error_code)} if self.error_code else {})

    def webhook_form(self, base: str = "") -> dict[str, str]:
        """What the webhook of a received message says; `base` is where the API is."""
        form = {
            "ToCountry": "US", "ToState": "", "ToCity": "", "FromCountry": "US", "FromState": "", "FromCity": "",
            "MessageSid": self.sid, "SmsSid": self.sid, "SmsMessageSid": self.sid, "AccountSid": self.account_sid,
            "NumMedia": str(len(self.media)), "NumSegments": str(segments(self.body).count),
            "SmsStatus": "received", "Body": self.body,
            "From": self.sender, "To": self.to, "ApiVersion": API,
        }  # fmt: skip
        for n, one in enumerate(self.media):
            form |= {f"MediaUrl{n}": f"{base}{self.path}/Media/{one.sid}", f"MediaContentType{n}": one.content_type}
        if self.sender.startswith("whatsapp:"):
            return form | {"MessageType": "text", **self.extra}
        word = self.body.strip().upper()
        kind = "STOP" if word in STOP_WORDS else "START" if word in START_WORDS else "HELP" if word == "HELP" else ""
        return form | ({"OptOutType": kind} if kind else {})


def checked(
    form: Mapping[str, str],
    account_sid: str,
    numbers: set[str],
    opted_out: set[str],
    *,
    media_urls: list[str] | None = None,
    contents: Mapping[str, Content] | None = None,
) -> Message:
    """The message a POST asks for; `ApiError` as Twilio would answer."""
    to, sender, body = form.get("To", ""), form.get("From", ""), form.get("Body", "")
    urls, content = media_urls or [], form.get("ContentSid", "")
    if not to:
        raise ApiError(400, 21604, "A 'To' phone number is required.")
    if not sender and not form.get("MessagingServiceSid"):
        raise ApiError(400, 21603, "A 'From' phone number is required.")
    variables: dict[str, str] = {}
    if content:
        body, variables = _composed(content, form.get("ContentVariables", ""), contents or {})
    if not body and not urls:
        raise ApiError(400, 21602, "Message body is required.")
    if len(body) > 1600:
        raise ApiError(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
    if any(not url.startswith(("http://", "https://")) for url in urls):
        raise ApiError(400, 21620, "Invalid media URL(s)")
    if len(urls) > 10:
        raise ApiError(400, 21623, "Number of media files exceeds allowed limit")
    _check_route(to, sender, numbers, opted_out)
    leaves, service = scheduled(form), form.get("MessagingServiceSid", "")
    return Message(
        account_sid,
        sender or min(numbers),
        to,
        body,
        "outbound-api",
        "scheduled" if leaves else "accepted" if service else "queued",
        form.get("StatusCallback") or None,
        media_urls=urls,
        content_sid=content,
        content_variables=variables,
        service=service,
        leaves=leaves,
        sid=sid("MM" if urls else "SM"),
    )


def scheduled(form: Mapping[str, str]) -> datetime | None:
    """When a message is to leave later; None for at once."""
    if form.get("ScheduleType") != "fixed":
        return None
    if not form.get("MessagingServiceSid"):
        raise ApiError(400, 35118, "MessagingServiceSid is required to schedule a message.")
    if not form.get("SendAt"):
        raise ApiError(400, 35111, "SendAt is required to schedule a message.")
    return max(datetime.fromisoformat(form["SendAt"]).astimezone(UTC), now())


def _check_route(to: str, sender: str, numbers: set[str], opted_out: set[str]) -> None:
    whatsapp = to.startswith("whatsapp:")
    bare = to.removeprefix("whatsapp:")
    if not _E164.match(bare) and not (whatsapp and _USER.match(bare)):
        raise ApiError(400, 21211, f"The 'To' number {to} is not a valid phone number.")
    for number, errors in ((bare, MAGIC), (sender.removeprefix("whatsapp:"), MAGIC_SENDERS)):
        if number in errors:
            raise ApiError(400, *errors[number])
    if to in opted_out:
        raise ApiError(400, 21610, "Attempt to send to unsubscribed recipient")
    if sender and sender.startswith("whatsapp:") != whatsapp:
        raise ApiError(400, 63007, "Twilio could not find a Channel with the specified From address")
    if sender and sender.removeprefix("whatsapp:") not in numbers:
        raise ApiError(
            400, 21606, f"The 'From' phone number provided ({sender}) is not a valid message-capable number."
        )


def _composed(content_sid: str, given: str, contents: Mapping[str, Content]) -> tuple[str, dict[str, str]]:
    content = contents.get(content_sid)
    if content is None:
        raise ApiError(400, 21655, "The ContentSid is Invalid")
    try:
        variables = {str(k): str(v) for k, v in dict(orjson.loads(given or "{}")).items()}
    except (ValueError, TypeError):
        raise ApiError(400, 21656, "The ContentVariables Parameter is invalid") from None
    return content.filled(variables), variables
