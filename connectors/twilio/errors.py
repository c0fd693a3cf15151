"""Twilio's error codes: what a person should read instead of a number, and what is worth trying again.

Meaning: Twilio's "Error and warning dictionary". Which to try again is the hub's judgement: only what says that the
message did not arrive, for a cause that passes by itself. What Meta withholds (63049) is not: asking again harms.
"""

from __future__ import annotations

from typing import Any

from hub.channels.reasons import Reason

OPTED_OUT = 21610

# Refused at once, worth trying again: concurrency and queue limits, carrier trouble that Twilio reports at once.
REFUSED_FOR_NOW = frozenset({20429, 14107, 21611, 30001, 30022, 63018})

# Taken, and reported as not delivered, for now.
UNDELIVERED_FOR_NOW = frozenset({30001, 30003, 30008, 30017, 30022, 63018})

ERRORS = {
    11200: "Twilio could not fetch the file",
    21211: "the number is not valid",
    21212: "our number is not valid",
    21408: "sending to this country is not enabled",
    21606: "our number cannot send messages",
    21610: "the customer has opted out",
    21611: "too many messages are waiting at our number",
    21612: "this number cannot be reached from ours",
    21614: "the number cannot receive SMS",
    21617: "the text is longer than 1,600 characters",
    21620: "the file's address is not valid",
    30001: "too many messages are waiting at Twilio",
    30002: "the Twilio account is suspended",
    30003: "the handset is unreachable",
    30004: "the message was blocked",
    30005: "the number is unknown",
    30006: "the number is a landline or unreachable",
    30007: "the carrier filtered the message",
    30008: "the carrier gave no reason",
    30010: "the message costs more than the price allowed",
    30011: "the carrier takes no files",
    30017: "the carrier's network is congested",
    30018: "the country wants our sender registered first",
    30019: "the message is too large for the carrier",
    30022: "too many messages from our registered numbers (10DLC)",
    30023: "our registered numbers have sent all they may today (10DLC)",
    30024: "the carrier does not know our sender",
    30032: "our toll-free number is not verified",
    30034: "our number is not registered for this country (10DLC)",
    30036: "the message could not be delivered in time",
    30410: "the carrier did not answer Twilio in time",
    30450: "refused as suspected SMS pumping",
    63001: "WhatsApp refuses our sign-in",
    63003: "this WhatsApp user cannot be found",
    63005: "WhatsApp does not take this content",
    63007: "our WhatsApp sender is not known to Twilio",
    63010: "Twilio failed inside",
    63012: "WhatsApp failed inside",
    63013: "the message breaks a rule of WhatsApp",
    63014: "the customer has blocked us",
    63015: "the customer has not joined the test environment",
    63016: "the reply window is closed; use a template",
    63018: "too many messages in a short time",
    63019: "WhatsApp could not fetch the file",
    63020: "our WhatsApp Business account is not accepted yet",
    63021: "WhatsApp does not take this content",
    63024: "this number cannot get WhatsApp messages",
    63027: "the template does not exist in this language",
    63028: "the template has other places than were filled in",
    63032: "WhatsApp does not let us write to this user",
    63033: "the customer has blocked us",
    63038: "the account has sent all it may today",
    63040: "Meta has rejected the template",
    63041: "Meta has paused the template",
    63042: "Meta has disabled the template",
    63049: "Meta chose not to deliver this message, to keep advertising rare; sending it again would not help",
    63051: "Meta has locked our WhatsApp Business account",
}


def explain(code: str | int | None, words: str = "") -> str | None:
    """An error as a sentence: our words, or the provider's, and the number to look it up by."""
    if code in (None, "", "0", 0):
        return words or None
    return f"Twilio error {code}: {ERRORS.get(number(code)) or words or 'no reason given'}"


def reason(code: str | int | None, words: str) -> tuple[Reason, dict[str, Any]]:
    """The same for the screens: a code and what its words need."""
    if known := number(code):
        return Reason.TWILIO, {"number": known, "reason": words[:300]}
    return Reason.PROVIDER_REFUSED, {"reason": words[:300]}


def number(code: str | int | None) -> int:
    """An error code as a number; 0 for anything else."""
    return int(code) if code is not None and str(code).isdecimal() and len(str(code)) < 10 else 0
