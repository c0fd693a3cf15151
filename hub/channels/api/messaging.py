"""Numbers: approved templates, and how each number of ours fares."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from hub.access import rights
from hub.access.permissions import Permission
from hub.channels import extras, trouble
from hub.channels.capabilities import capabilities_of
from hub.channels.limits import limits_of
from hub.channels.model import Account
from hub.core.errors import Conflict, Invalid, NotFound, Unavailable
from hub.core.sql import Queries
from hub.web.endpoints import Call, Endpoints
from hub.web.shapes import Id

sql = Queries.beside(__file__, "messaging.sql")
messaging = Endpoints("messaging")


class Sending(BaseModel):
    """Nothing can be sent for now: since when, why, when it is tried next, and how many messages wait for that."""

    since: datetime
    failed_at: datetime
    next_try_at: datetime
    code: str
    params: dict[str, Any]
    error: str
    waiting: int


class MessageTemplate(BaseModel):
    id: str
    name: str
    locale: str
    body: str
    variables: dict[str, str]


class MessageTemplateList(BaseModel):
    items: list[MessageTemplate]
    problem: str | None = Field(description="Why there are none, when the provider cannot be asked")


class LastReconciled(BaseModel):
    day: date
    at: datetime
    provider_count: int
    stored_count: int
    missing: int


class MessagingAccount(BaseModel):
    account_id: int
    key: str
    name: str
    channel: str
    connector: str
    address: str | None
    segments_today: int
    daily_segments: int | None
    spent_today: float | None
    daily_spend: float | None
    currency: str
    messages_per_second: float | None
    destinations: list[str]
    waiting: int
    unsettled: int
    sending: Sending | None
    last_reconciled: LastReconciled | None


class MessagingAccountList(BaseModel):
    items: list[MessagingAccount]


# -- templates ---------------------------------------------------------------------------------------------------------
@messaging.add(
    "GET", "/accounts/{account_id}/message-templates", needs=Permission.CONVERSATION_REPLY, returns=MessageTemplateList
)
async def list_message_templates(call: Call, account_id: int) -> dict[str, Any]:
    """Texts the provider has approved: what may be said on WhatsApp at any time."""
    try:
        return {"items": [_shown(t) for t in await _templates(call, account_id)], "problem": None}
    except Unavailable as error:  # not ours to be unavailable: the desk goes on without
        return {"items": [], "problem": error.detail}


async def template_of(call: Call, account_id: Id | None, template_id: str) -> extras.MessageTemplate:
    """One of an account's templates; `Invalid` names what is wrong."""
    if account_id is None:
        raise Invalid("A template belongs to an account.", fields={"account_id": "is needed with a template"})
    try:
        known = await _templates(call, account_id)
    except NotFound as error:
        raise Invalid(error.detail, fields={"account_id": "has no templates"}) from None
    except Unavailable as error:
        raise Conflict(error.detail, remedy=error.remedy) from error
    for one in known:
        if one.id == template_id:
            return one
    raise Invalid(
        "The account has no such template.",
        code="template.not_there",
        fields={"template.id": "not one of this account's templates"},
    )


async def _templates(call: Call, account_id: int) -> list[extras.MessageTemplate]:
    account = await call.context.accounts.get(account_id)
    connector = call.context.connectors.get(account.connector) if account else None
    if account is None or not account.enabled or not isinstance(connector, extras.TemplateSource):
        raise NotFound("There is no such account, or it has no templates.", code="template.no_account")
    return await connector.templates(account)


def _shown(one: extras.MessageTemplate) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "locale": one.locale, "body": one.body, "variables": one.variables}


# -- numbers -----------------------------------------------------------------------------------------------------------
@messaging.add("GET", "/messaging/accounts", needs=Permission.CHANNEL_READ, returns=MessagingAccountList)
async def list_messaging_accounts(call: Call) -> dict[str, Any]:
    """Each number of one's queues: what it has sent today against its bounds, what waits, and the last comparison."""
    usable = await rights.accounts(call.core.db, call.viewer)
    accounts = [
        a
        for a in (await call.context.accounts.all()).values()
        if capabilities_of(a.channel).text and a.enabled and a.id in usable
    ]
    facts = {
        row["account_id"]: row for row in await call.core.db.dicts(sql["numbers"], {"ids": [a.id for a in accounts]})
    }
    silent = {one.account_id: one.shown() for one in await trouble.troubles(call.core.db)}
    return {
        "items": [
            {**_number(account, facts[account.id]), "sending": silent.get(account.id)}
            for account in accounts
            if account.id in facts
        ]
    }


def _number(account: Account, row: dict[str, Any]) -> dict[str, Any]:
    limits = limits_of(account.settings)
    price = limits.price_per_segment if limits else None
    return {
        **row,
        "key": account.key,
        "name": account.name,
        "channel": account.channel,
        "connector": account.connector,
        "address": account.address,
        "daily_segments": limits.segments_a_day() if limits else None,
        "spent_today": round(row["segments_today"] * price, 4) if price is not None else None,
        "daily_spend": limits.daily_spend if limits else None,
        "currency": limits.currency if limits else "USD",
        "messages_per_second": limits.messages_per_second if limits else None,
        "destinations": list(limits.destinations) if limits else [],
    }
