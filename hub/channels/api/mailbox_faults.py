"""What is wrong with the form of a mailbox, by field, before anything is kept: all of it at once."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel, ValidationError

from hub.channels import administration, duplicates
from hub.channels.accounts import split_secrets
from hub.channels.administration import Change, Row
from hub.channels.model import AddressKind, Connector
from hub.contacts.identity import normalise
from hub.core.db import Connection
from hub.core.errors import Invalid, NotFound
from hub.core.field_errors import FieldError, wrong
from hub.web.endpoints import Call

CONNECTOR = "email"


def connector(call: Call) -> Connector:
    """The mail connector; `NotFound`."""
    found = call.context.connectors.get(CONNECTOR)
    if found is None:
        raise NotFound("The mail connector is not installed.")
    return found


def of_new(mail: Connector, data: Any) -> dict[str, FieldError]:
    """What is wrong with a new mailbox's address and settings, by field; nothing of what has another shape."""
    if not isinstance(data, dict):
        return {}
    given = cast("dict[str, Any]", data)
    found: dict[str, FieldError] = {}
    if isinstance(address := given.get("address"), str) and (what := _misspelt(address)):
        found["address"] = what
    settings, secrets = given.get("settings"), given.get("secrets", {})
    if isinstance(settings, dict) and isinstance(secrets, dict):
        try:
            mail.Settings.model_validate(
                administration.merged(cast("dict[str, Any]", settings), cast("dict[str, Any]", secrets))
            )
        except ValidationError as error:
            found |= administration.faults(mail, error)
    return found


async def faults(call: Call, given: dict[str, Any], account_id: int | None = None) -> dict[str, str]:
    """What is wrong with the form of a mailbox beside its shape, by field; a new one's settings say so themselves."""
    found: dict[str, str] = {}
    row = None if account_id is None else await administration.one(call.core.db, CONNECTOR, account_id)
    if row is not None and given.get("address") is not None and (what := _misspelt(given["address"])):
        found["address"] = what
    change = Change(settings=given.get("settings"), secrets=given.get("secrets") or {})
    settings: dict[str, Any] | None = None
    try:
        imagined = administration.imagined(call.core.vault, connector(call), row, change)
        settings, _ = split_secrets(cast("BaseModel", imagined.settings))
    except Invalid as error:
        found |= error.fields if row is not None else {}
    async with call.core.db.connection() as conn:
        if not await administration.takes_work(conn, given.get("queue_id")):
            found["queue_id"] = wrong("unknown")
        if "address" not in found and (given.keys() & {"address", "settings"}):
            found |= await _held(call, conn, given, row, settings)
    return found


async def _held(
    call: Call, conn: Connection, given: dict[str, Any], row: Row | None, settings: dict[str, Any] | None
) -> dict[str, FieldError]:
    """Whose address the form would take. `settings`: what it comes to, or None when these have faults themselves."""
    address = given.get("address") or (row.address if row else None)
    if not isinstance(address, str) or _misspelt(address):
        return {}
    whole = settings is not None
    if settings is None:  # what tells two of one address apart may be right all the same
        settings = administration.merged(row.settings if row else {}, given.get("settings") or {})
    address = normalise(AddressKind.EMAIL, address)
    account = duplicates.Own(row.id if row else 0, "", CONNECTOR, "email", "", address, settings, enabled=True)
    other = await duplicates.holder(conn, call.context.connectors, account, whole=whole)
    return {} if other is None else {"address": duplicates.fault(other)}


def _misspelt(address: str) -> FieldError | None:
    try:
        normalise(AddressKind.EMAIL, address)
    except Invalid:
        return wrong("email")
    return None
