"""What each channel can carry and how people use it: asked here, so that nothing else compares a channel's name.

The channels that the hub ships are listed; a connector of somebody else's that brings another says what that can do
(`learn`), and until it does, a channel is one of short texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from hub.channels.segments import MAX_CHARACTERS


class AddressKind(StrEnum):
    """What a customer is reached by."""

    EMAIL = "email"
    PHONE = "phone"
    WHATSAPP = "whatsapp"
    VISITOR = "visitor"


class Form(StrEnum):
    """How people talk on a channel."""

    LETTER = "letter"  # mail: subject, copies, ids of our own by which answers find their message
    TEXT = "text"  # short messages to a telephone, read wherever their reader is
    VISIT = "visit"  # the customer is there as long as the page is open
    CALL = "call"  # spoken; nothing is written to anybody


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can carry; the composer, the outbox, routing and what follows by itself obey it.

    `max_length` are characters and `max_bytes` bytes of files of one message; None: as many as the hub allows.
    `window`: how long after the customer's last message anything may be said; later only approved `templates`.
    `session`: without thread headers there is one open conversation per address and account. `segments`: a message is
    billed by the parts of 160 or 70 characters that it is cut into. `address` is what its customers are reached by.
    """

    html: bool = False
    attachments: bool = False
    subject: bool = False
    max_length: int | None = None
    max_bytes: int | None = None
    typing: bool = False
    read_receipts: bool = False
    window: timedelta | None = None
    session: bool = True
    form: Form = Form.TEXT
    address: AddressKind = AddressKind.PHONE
    segments: bool = False

    @property
    def templates(self) -> bool:
        """Whether a text that the provider approved may be sent by its name."""
        return self.window is not None

    @property
    def reaches(self) -> bool:
        """Whether we can write to somebody who is not there, also first."""
        return self.form in (Form.LETTER, Form.TEXT)

    @property
    def letter(self) -> bool:
        """Whether its messages are mails."""
        return self.form is Form.LETTER

    @property
    def text(self) -> bool:
        """Whether its messages are short texts."""
        return self.form is Form.TEXT

    @property
    def visit(self) -> bool:
        """Whether its customer is there only while a page is open."""
        return self.form is Form.VISIT

    @property
    def call(self) -> bool:
        """Whether people speak on it."""
        return self.form is Form.CALL


MAX_MAIL_FILES = 18 * 2**20  # base64 makes 25 MB of it, which is what most servers take
_KNOWN = {
    "email": Capabilities(
        html=True,
        attachments=True,
        subject=True,
        max_bytes=MAX_MAIL_FILES,
        session=False,
        form=Form.LETTER,
        address=AddressKind.EMAIL,
    ),
    "chat": Capabilities(
        attachments=True, max_length=20_000, typing=True, form=Form.VISIT, address=AddressKind.VISITOR
    ),
    # The bytes are those of MMS and WhatsApp at Twilio.
    "sms": Capabilities(attachments=True, max_length=MAX_CHARACTERS, max_bytes=5 * 2**20, segments=True),
    "whatsapp": Capabilities(
        attachments=True,
        max_length=MAX_CHARACTERS,
        max_bytes=16 * 2**20,
        read_receipts=True,
        window=timedelta(hours=24),  # Meta's rule
        address=AddressKind.WHATSAPP,
    ),
    "voice": Capabilities(form=Form.CALL),
}
_UNKNOWN = Capabilities()
_learned: dict[str, Capabilities] = {}


def capabilities_of(channel: str | None) -> Capabilities:
    """What a channel can do, whichever connector serves it; a connector may be able to do less of it."""
    name = channel or ""
    return _KNOWN.get(name) or _learned.get(name, _UNKNOWN)


def learn(channel: str, capabilities: Capabilities) -> None:
    """Note what a connector says of a channel that the hub does not ship."""
    if channel not in _KNOWN:
        _learned[channel] = capabilities


def known() -> dict[str, Capabilities]:
    """Every channel by name, the hub's own first."""
    return {**_KNOWN, **_learned}
