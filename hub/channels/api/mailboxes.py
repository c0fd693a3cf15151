"""Mailboxes for administrators: add one, find its servers, try it, see how it fares, compare it with what is stored."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from hub.access import signin
from hub.access.permissions import Permission
from hub.channels import administration, trouble
from hub.channels.administration import Change, Row
from hub.channels.api.mailbox_faults import CONNECTOR, connector, faults, of_new
from hub.channels.api.messaging import Sending
from hub.channels.mailboxes import Mailboxes
from hub.channels.model import Account, AddressKind, Connector
from hub.channels.trouble import Trouble
from hub.contacts.identity import normalise
from hub.core import events
from hub.core.errors import Invalid, NotFound
from hub.core.field_errors import dotted, form, gathered, named, wrong
from hub.web.endpoints import Call, Endpoints
from hub.web.shapes import Id, In, Line, Ref, Short

mailboxes = Endpoints("mailboxes")
TESTS = 60  # in a quarter of an hour: a test says whether a port answers: nobody scans networks with it
REFETCH_SECONDS = 10.0  # of one call; what is left over is fetched by the next
MailAddress = Annotated[str, StringConstraints(min_length=3, max_length=320)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=10_000)] | None
SecretName = Annotated[str, StringConstraints(max_length=60, pattern=form("secret_name", r"^[a-z_]+$"))]
Secrets = Annotated[dict[SecretName, Secret], Field(max_length=20, default_factory=dict)]


class FetchProgress(BaseModel):
    done: int
    total: int | None


class MailboxHealth(BaseModel):
    model_config = ConfigDict(json_schema_serialization_defaults_required=True)  # this model makes the answer

    last_fetch: datetime | None = None
    lag_seconds: float | None = None
    error: str | None = None
    failed_at: datetime | None = None
    waiting: int | None = None
    listening: str | None = None
    progress: FetchProgress | None = None
    sending: Sending | None = None


class MailServerSettings(BaseModel):
    """A server's settings, or of a known one those that change."""

    model_config = ConfigDict(extra="allow")  # the connector's own model says what else there may be, and must

    host: (
        Annotated[
            str, StringConstraints(min_length=1, max_length=253, pattern=form("host", r"^[A-Za-z0-9._:-]{1,253}$"))
        ]
        | None
    ) = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: Literal["tls", "starttls", "none"] | None = None
    user: Annotated[str, StringConstraints(max_length=320)] | None = None


class MailboxSettings(BaseModel):
    model_config = ConfigDict(extra="allow")

    imap: MailServerSettings | None = None
    smtp: MailServerSettings | None = None
    forms: Annotated[list[Line], Field(max_length=1000)] | None = None
    plus_addresses: bool | None = None


class Mailbox(BaseModel):
    id: int
    key: str
    name: str
    address: str | None
    enabled: bool
    queue: Ref | None
    signature: str
    settings: MailboxSettings
    secrets: list[str]
    health: MailboxHealth


class MailboxList(BaseModel):
    items: list[Mailbox]


class DiscoverServers(In):
    address: MailAddress


class DiscoveredServers(BaseModel):
    provider: str
    source: Literal["table", "dns", "guess"]
    imap: MailServerSettings
    smtp: MailServerSettings
    sign_in: Literal["password", "app_password", "oauth"]
    help_url: str


class NewMailbox(In):
    name: Short
    address: MailAddress
    queue_id: Id | None = None
    signature: Annotated[str, StringConstraints(max_length=4000)] = ""
    settings: MailboxSettings
    secrets: Secrets

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(
        cls, data: Any, handler: ModelWrapValidatorHandler[NewMailbox], info: ValidationInfo
    ) -> NewMailbox:
        """What the connector asks of the settings is said together with what is wrong with the rest."""
        mail = cast("dict[str, dict[str, Connector]]", info.context or {}).get("connectors", {}).get(CONNECTOR)
        bad = {} if mail is None else of_new(mail, data)
        try:
            found = handler(data)
        except ValidationError as error:
            bad = {**{dotted(place): what for place, what in named(error)}, **bad}
        else:
            if not bad:
                return found
        raise gathered(cls.__name__, [((place,), what) for place, what in bad.items()])


class MailboxChange(In):
    name: Short | None = None
    address: MailAddress | None = None
    queue_id: Id | None = None
    signature: Annotated[str, StringConstraints(max_length=4000)] | None = None
    enabled: bool | None = None
    settings: MailboxSettings | None = None
    secrets: Secrets


class MailboxTrial(In):
    account_id: Id | None = None
    address: MailAddress | None = None
    settings: MailboxSettings | None = None
    secrets: Secrets


class MailboxCheck(BaseModel):
    part: Literal["imap", "smtp", "listener", "settings"]
    ok: bool
    code: str
    detail: str
    remedy: str


class MailboxCheckList(BaseModel):
    items: list[MailboxCheck]


class ReconcileMailbox(In):
    refetch: bool = False


class MissingMessage(BaseModel):
    uid: int
    size: int
    received: datetime | None
    sender: str
    subject: str


class ReconciledMailbox(BaseModel):
    folder: str
    on_server: int
    stored: int
    unwanted: int
    missing: int
    refetched: int
    differences: list[MissingMessage]


@mailboxes.add("GET", "/mailboxes", needs=Permission.CHANNEL_MANAGE, returns=MailboxList)
async def list_mailboxes(call: Call) -> dict[str, Any]:
    """Every mailbox, how it is configured (secrets only by name) and how it fares."""
    troubles = {one.account_id: one for one in await trouble.troubles(call.core.db)}
    rows = await administration.listed(call.core.db, CONNECTOR)
    return {"items": [_shown(call, row, troubles.get(row.id)) for row in rows]}


@mailboxes.add("POST", "/mailboxes/discover", needs=Permission.CHANNEL_MANAGE, returns=DiscoveredServers)
async def discover_servers(call: Call, body: DiscoverServers) -> dict[str, Any]:
    """The servers that an address is most likely served by."""
    return asdict(await _admin(call).discover(body.address))


@mailboxes.add("POST", "/mailboxes/test", needs=Permission.CHANNEL_MANAGE, returns=MailboxCheckList, errors=(404, 429))
async def try_mailbox(call: Call, body: MailboxTrial) -> dict[str, Any]:
    """Try settings before they are kept. With `account_id`, what is not given is that account's.

    Its stored secrets are tried only with the servers that they are stored for.
    """
    await signin.count(call.core.db, f"mailbox-test:{call.me.id}", TESTS, what="tests")
    row = await administration.one(call.core.db, CONNECTOR, body.account_id) if body.account_id else None
    change = Change(address=_address(body.address), settings=_settings(body.settings), secrets=body.secrets)
    account = administration.imagined(call.core.vault, connector(call), row, change)
    return {"items": [asdict(check) for check in await _admin(call).probe(account)]}


@mailboxes.add(
    "POST",
    "/mailboxes",
    needs=Permission.CHANNEL_MANAGE,
    returns=Mailbox,
    status=201,
    errors=(409,),
    checks=faults,
)
async def create_mailbox(call: Call, body: NewMailbox) -> dict[str, Any]:
    """Add a mailbox; it is fetched within seconds."""
    change = Change(
        body.name, _address(body.address), body.queue_id, body.signature,
        settings=_settings(body.settings), secrets=body.secrets,
    )  # fmt: skip
    async with events.unit(call.core.db, call.core.feed) as unit:
        account_id = await administration.create(
            unit, call.core.vault, connector(call), "email", change, actor_id=call.me.id
        )
    return await _read(call, account_id)


@mailboxes.add("GET", "/mailboxes/{account_id}", needs=Permission.CHANNEL_MANAGE, returns=Mailbox)
async def read_mailbox(call: Call, account_id: int) -> dict[str, Any]:
    """One mailbox."""
    return await _read(call, account_id)


@mailboxes.add(
    "PATCH",
    "/mailboxes/{account_id}",
    needs=Permission.CHANNEL_MANAGE,
    returns=Mailbox,
    errors=(409,),
    checks=faults,
)
async def change_mailbox(call: Call, account_id: int, body: MailboxChange) -> dict[str, Any]:
    """Change a mailbox. Settings and secrets that are not named stay; one that is null is taken away.

    A stored secret is not sent to another server: who changes the server names the secret again.
    """
    change = Change(
        body.name, _address(body.address), body.queue_id, body.signature, body.enabled,
        _settings(body.settings), body.secrets,
    )  # fmt: skip
    async with events.unit(call.core.db, call.core.feed) as unit:
        await administration.update(unit, call.core.vault, connector(call), account_id, change, actor_id=call.me.id)
    return await _read(call, account_id)


@mailboxes.add(
    "POST", "/mailboxes/{account_id}/test", needs=Permission.CHANNEL_MANAGE, returns=MailboxCheckList, errors=(429,)
)
async def test_mailbox(call: Call, account_id: int) -> dict[str, Any]:
    """Try a mailbox as it is configured, and say what is wrong with it."""
    await signin.count(call.core.db, f"mailbox-test:{call.me.id}", TESTS, what="tests")
    return {"items": [asdict(check) for check in await _admin(call).probe(await _account(call, account_id))]}


@mailboxes.add("POST", "/mailboxes/{account_id}/reconcile", needs=Permission.CHANNEL_MANAGE, returns=ReconciledMailbox)
async def reconcile_mailbox(call: Call, account_id: int, body: ReconcileMailbox) -> dict[str, Any]:
    """Compare what lies on the server with what is stored; with `refetch`, store what is missing."""
    account = await _account(call, account_id)
    return asdict(
        await _admin(call).reconcile(call.context.intake, account, refetch=body.refetch, seconds=REFETCH_SECONDS)
    )


async def _account(call: Call, account_id: int) -> Account:
    row = await administration.one(call.core.db, CONNECTOR, account_id)
    return administration.imagined(call.core.vault, connector(call), row, Change())


def _admin(call: Call) -> Mailboxes:
    found: object = connector(call)
    if not isinstance(found, Mailboxes):
        raise NotFound("The mail connector has nothing to administer.")
    return found


def _address(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return normalise(AddressKind.EMAIL, value)
    except Invalid as error:
        raise Invalid(error.detail, fields={"address": wrong("email")}) from None


def _settings(given: MailboxSettings | None) -> dict[str, Any] | None:
    return None if given is None else given.model_dump(mode="json", exclude_unset=True)


async def _read(call: Call, account_id: int) -> dict[str, Any]:
    row = await administration.one(call.core.db, CONNECTOR, account_id)
    return _shown(call, row, next(iter(await trouble.troubles(call.core.db, account_id)), None))


def _shown(call: Call, row: Row, sending: Trouble | None) -> dict[str, Any]:
    health = {**row.health, "sending": sending and sending.shown()}
    return {
        "id": row.id,
        "key": row.key,
        "name": row.name,
        "address": row.address,
        "enabled": row.enabled,
        "queue": None if row.queue_id is None else {"id": row.queue_id, "name": row.queue_name or ""},
        "signature": row.signature,
        "settings": row.settings,
        "secrets": administration.secret_names(call.core.vault, row),
        "health": MailboxHealth.model_validate(health).model_dump(mode="json"),
    }
