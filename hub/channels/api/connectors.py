"""The connectors installed here: what their channels can do, and which settings an account of each takes."""

from typing import Any

from pydantic import BaseModel, Field

from hub.access.permissions import Permission
from hub.channels.capabilities import AddressKind, Capabilities, Form
from hub.web.endpoints import Call, Endpoints

installed = Endpoints("administration")


class ChannelFacts(BaseModel):
    """What a channel can carry and how people use it."""

    form: Form = Field(description="letter: mail; text: short messages; visit: while a page is open; call: spoken")
    address: AddressKind = Field(description="What its customers are reached by")
    reaches: bool = Field(description="One can write to customers who are not there, also first")
    subject: bool
    html: bool
    attachments: bool
    typing: bool
    read_receipts: bool
    templates: bool = Field(description="Texts that the provider approved are sent by their name")
    segments: bool = Field(description="A message is billed by the parts that it is cut into")
    session: bool = Field(description="One open conversation per address and account, as messages name no thread")
    window_seconds: int | None = Field(description="After the customer's last message; later only templates are sent")
    max_length: int | None = Field(description="Characters of one message")
    max_bytes: int | None = Field(description="Bytes of the files of one message")


class InstalledConnector(BaseModel):
    name: str
    channels: dict[str, ChannelFacts]
    settings: dict[str, Any] = Field(
        description="JSON Schema of an account's settings; `writeOnly` fields are secrets, which are never shown"
    )


class InstalledConnectorList(BaseModel):
    items: list[InstalledConnector]


def channel_facts(can: Capabilities) -> dict[str, Any]:
    """Capabilities as the API's ChannelFacts."""
    window = can.window
    names = set(ChannelFacts.model_fields) - {"window_seconds"}
    shown = {name: getattr(can, name) for name in names}
    return {**shown, "window_seconds": None if window is None else int(window.total_seconds())}


@installed.add("GET", "/connectors", needs=Permission.CHANNEL_READ, returns=InstalledConnectorList)
async def list_connectors(call: Call) -> dict[str, Any]:
    """Every connector of this installation, by name."""
    items: list[dict[str, Any]] = [
        {
            "name": one.name,
            "channels": {channel: channel_facts(one.capabilities(channel)) for channel in one.channels},
            "settings": one.Settings.model_json_schema(),
        }
        for _, one in sorted(call.context.connectors.items())
    ]
    return {"items": items}
