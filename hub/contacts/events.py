"""What is logged of customers."""

from __future__ import annotations

from hub.core.event_kinds import EventData


class ContactUpdated(EventData):
    """Somebody changed these `fields` of a customer."""

    event = "contact.updated"

    fields: list[str]


class ContactAddressAdded(EventData):
    """A customer can be reached by one address more."""

    event = "contact.address_added"

    kind: str


class ContactLinked(EventData):
    """Two records are one person from now on."""

    event = "contact.linked"

    link_id: int
    contact_id: int


class ContactUnlinked(EventData):
    """They are two again."""

    event = "contact.unlinked"

    link_id: int


class ContactConsent(EventData):
    """A customer said whether they want to be written to at an address."""

    event = "contact.consent"

    address_id: int
    wanted: bool


class AddressUnsubscribed(EventData):
    """An address gets nothing that goes to many any more."""

    event = "address.unsubscribed"

    address_id: int
