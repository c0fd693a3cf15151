"""Why a message has not left us, did not arrive, or a file of one is not here: codes that every screen has words for.

Whoever raises a `SendError` or a `FetchError`, or hands over a failed `Delivery`, gives one of these with the `params`
its words need, beside an English sentence for logs and for clients that know no codes. Screens word `unsent.CODE` of
their catalogue (`hub/ui/locales`); a connector's own code, which they cannot know, is shown by its sentence.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """One code each; in the comment, what its words need."""

    # The account, or all of its provider
    ACCOUNT_UNUSABLE = "account.unusable"
    PROVIDER_SIGN_IN = "provider.sign_in"  # reason
    PROVIDER_SLOW_DOWN = "provider.slow_down"
    PROVIDER_UNREACHABLE = "provider.unreachable"  # reason
    PROVIDER_UNANSWERED = "provider.unanswered"
    PROVIDER_FAILED = "provider.failed"  # status
    PROVIDER_REFUSED = "provider.refused"  # reason
    PROVIDER_NOT_NOW = "provider.not_now"  # reason
    PROVIDER_REPORTS = "provider.reports"  # word
    PROVIDER_UNNAMED = "provider.unnamed"
    TWILIO = "twilio.error"  # number, reason

    # This one message
    SEND_TIMEOUT = "send.timeout"
    SEND_PUT_OFF = "send.put_off"  # reason
    SEND_FAILED = "send.failed"  # reason
    SEND_BROKEN = "send.broken"  # reason
    SEND_STOPPED = "send.stopped"
    SEND_INTERRUPTED = "send.interrupted"
    SEND_ABSENT = "send.absent"
    OPTED_OUT = "send.opted_out"
    DESTINATION = "send.destination"  # address
    SPENT = "send.spent"  # most
    TOO_LONG = "message.too_long"  # most
    TOO_MANY_FILES = "message.too_many_files"  # most
    NO_FILES = "message.no_files"
    EMPTY = "message.empty"

    # Mail
    SMTP_NONE = "smtp.none"
    SMTP_BUSY = "smtp.busy"
    SMTP_PACED = "smtp.paced"
    SMTP_SIGN_IN = "smtp.sign_in"  # host, port, reason
    SMTP_NOT_OFFERED = "smtp.not_offered"  # host, port, reason
    SMTP_CERTIFICATE = "smtp.certificate"  # host, port, reason, flaw
    SMTP_TURNED_AWAY = "smtp.turned_away"  # host, port, reason
    SMTP_TIMEOUT = "smtp.timeout"  # host, port
    SMTP_UNREACHABLE = "smtp.unreachable"  # host, port, reason
    SMTP_UNANSWERED = "smtp.unanswered"
    SMTP_WENT_AWAY = "smtp.went_away"
    SMTP_REFUSED = "smtp.refused"  # reason
    SMTP_PARTLY = "smtp.partly"  # reason, taken
    SMTP_ASCII_ONLY = "smtp.ascii_only"
    MAIL_ADDRESS = "mail.address"  # address
    MAIL_TOO_LARGE = "mail.too_large"  # size, most
    MAIL_KEY = "mail.key"  # reason
    MAIL_RETURNED = "mail.returned"  # address, reason

    # Files of what came in
    MEDIA_UNUSABLE = "media.unusable"
    MEDIA_UNANSWERED = "media.unanswered"
    MEDIA_GONE = "media.gone"
    MEDIA_REFUSED = "media.refused"  # status
    MEDIA_TOO_LARGE = "media.too_large"  # size
    MEDIA_FOREIGN = "media.foreign"  # host
    MEDIA_ADDRESS = "media.address"
    MEDIA_FAILED = "media.failed"  # reason
