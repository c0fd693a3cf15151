"""The connectors installed here, by entry point: a third party adds a channel by installing a package."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.metadata import entry_points

from hub.channels.capabilities import learn
from hub.channels.model import Closing, Connector
from hub.core.errors import ConfigError
from hub.core.service import Core

GROUP = "hub.connectors"


def load_connectors(core: Core, only: frozenset[str] | None = None) -> dict[str, Connector]:
    """Every installed connector, constructed, by name."""
    found: dict[str, Connector] = {}
    for point in entry_points(group=GROUP):
        if only is not None and point.name not in only:
            continue
        try:
            connector: Connector = point.load()(core)
        except ImportError as error:
            raise ConfigError(
                f"The connector {point.name!r} cannot be loaded: {error}.",
                remedy="Reinstall the package that provides it, or uninstall it.",
            ) from error
        for channel in connector.channels:
            learn(channel, connector.capabilities(channel))
        found[point.name] = connector
    return found


async def close_connectors(connectors: Mapping[str, Connector]) -> None:
    """Let go of the connections that some keep open."""
    await asyncio.gather(*(one.close() for one in connectors.values() if isinstance(one, Closing)))
