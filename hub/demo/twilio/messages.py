"""The stand-in's messages: Twilio's resource shapes, error bodies and signature, without any network."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from hub.core.clock import now

API = "2010-04-01"
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
START_WORDS = frozenset({"START", "YES", "UNSTOP"})


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
class Message:
    """One message, in or out."""

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

    def as_json(self) -> dict[str, Any]:
        """The Message resource."""
        path = f"/{API}/Accounts/{self.account_sid}/Messages/{self.sid}"
        return {
            "account_sid": self.account_sid,
            "api_version": API,
            "body": self.body,
            "date_created": format_datetime(self.created),
            "date_sent": format_datetime(self.sent) if self.sent else None,
            "date_updated": format_datetime(self.updated),
            "direction": self.direction,
            "error_code": self.error_code,
            "error_message": None,
            "from": self.sender,
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": str(1 + len(self.body) // 153),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{path}/Media.json"},
            "to": self.to,
            "uri": f"{path}.json",
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

    def webhook_form(self) -> dict[str, str]:
        """What the webhook of a received message says."""
        word = self.body.strip().upper()
        kind = "STOP" if word in STOP_WORDS else "START" if word in START_WORDS else "HELP" if word == "HELP" else ""
        form = {
            "ToCountry": "US", "ToState": "", "ToCity": "", "FromCountry": "US", "FromState": "", "FromCity": "",
            "MessageSid": self.sid, "SmsSid": self.sid, "SmsMessageSid": self.sid, "AccountSid": self.account_sid,
            "NumMedia": "0", "NumSegments": "1", "SmsStatus": "received", "Body": self.body, "From": self.sender,
            "To": self.to, "ApiVersion": API,
        }  # fmt: skip
        return form | ({"OptOutType": kind} if kind else {})


def checked(form: Mapping[str, str], account_sid: str, numbers: set[str], opted_out: set[str]) -> Message:
    """The message a POST asks for; `ApiError` as Twilio would answer."""
    to, sender, body = form.get("To", ""), form.get("From", ""), form.get("Body", "")
    if not to:
        raise ApiError(400, 21604, "A 'To' phone number is required.")
    if not sender and not form.get("MessagingServiceSid"):
        raise ApiError(400, 21603, "A 'From' phone number is required.")
    if not body:
        raise ApiError(400, 21602, "Message body is required.")
    if len(body) > 1600:
        raise ApiError(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
    if not _E164.match(to):
        raise ApiError(400, 21211, f"The 'To' number {to} is not a valid phone number.")
    if to in MAGIC:
        raise ApiError(400, *MAGIC[to])
    if to in opted_out:
        raise ApiError(400, 21610, "Attempt to send to unsubscribed recipient")
    if sender and sender not in numbers:
        raise ApiError(
            400, 21606, f"The 'From' phone number provided ({sender}) is not a valid message-capable number."
        )
    return Message(
        account_sid, sender or min(numbers), to, body, "outbound-api", "queued", form.get("StatusCallback") or None
    )
