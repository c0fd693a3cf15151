"""Which servers a process uses: those of the settings, those of a hub that runs on the data folder, or its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any

from hub.core.embedded import Embedded
from hub.core.errors import ConfigError
from hub.core.folder import in_use, make_folder
from hub.core.migrate import check
from hub.core.secrets import Vault
from hub.core.service import Addresses, Core, open_core
from hub.settings import Settings


def addresses(settings: Settings, *, database_url: str | None = None, redis_url: str | None = None) -> Addresses:
    """Where the parts are; a `ConfigError` when a server is neither configured nor given."""
    database = database_url or (settings.database.url.get_secret_value() if settings.database.url else None)
    redis = redis_url or (settings.redis.url.get_secret_value() if settings.redis.url else None)
    if not database or not redis:
        missing = "HUB_DATABASE__URL" if not database else "HUB_REDIS__URL"
        raise ConfigError(
            f"{missing} is not set, and no hub with servers of its own runs on {settings.data}.",
            remedy="Set it, or start `hub up` first, which brings its own servers.",
        )
    return Addresses(database, redis, _key(settings), settings.public_url, settings.file_settings, settings.kept)


def own_servers(settings: Settings) -> bool:
    """Whether the hub brings its own servers; a `ConfigError` when only one of the two is configured."""
    database, redis = settings.database.url is not None, settings.redis.url is not None
    if database != redis:
        there, missing = ("HUB_DATABASE__URL", "HUB_REDIS__URL")[:: 1 if database else -1]
        raise ConfigError(
            f"{there} is set, but {missing} is not.",
            remedy="Set both, or neither: then `hub up` brings its own servers.",
        )
    return not database


def announced(settings: Settings) -> dict[str, Any] | None:
    """What the hub that runs on the data folder says of its servers; None when none runs, or it is still starting."""
    if not in_use(settings.data):  # a killed hub leaves its file behind
        return None
    try:
        found: dict[str, Any] = json.loads((settings.data / "servers.json").read_text())
    except (OSError, ValueError):
        return None
    return found


def running(settings: Settings) -> Addresses | None:
    """The servers of the hub that runs on the data folder."""
    if (found := announced(settings)) is None:
        return None
    public = settings.model_copy(update={"web": settings.web.model_copy(update={"public_url": found["public_url"]})})
    return addresses(public, database_url=found["database_url"], redis_url=found["redis_url"])


@contextmanager
def reached(settings: Settings, *, announce: bool = False) -> Generator[tuple[Addresses, Embedded | None]]:
    """The servers for one process, kept running meanwhile if they are its own.

    With `announce` other commands on the data folder may use them, too.
    """
    if not own_servers(settings):
        yield addresses(settings), None
    elif (others := running(settings)) is not None:
        yield others, None
    else:
        with embedded(settings, announce=announce) as found:
            yield found


def with_servers(settings: Settings, run: Callable[[Addresses], int]) -> int:
    """One command against the configured servers, those of a running hub, or embedded ones started for it."""
    with reached(settings) as (places, _):
        return run(places)


def with_core(settings: Settings, run: Callable[[Core], Coroutine[Any, Any, int]]) -> int:
    """The same with everything open."""
    return with_servers(settings, lambda places: run_core(places, run))


def run_core(places: Addresses, run: Callable[[Core], Coroutine[Any, Any, int]]) -> int:
    """One command on a database that a hub of this version has made.

    It never migrates: an older hub's command would lay its functions over a newer one's.
    """

    async def inside() -> int:
        async with open_core(places, pool=4) as core:
            return await run(core)

    check(places.database_url)
    return asyncio.run(inside())


@contextmanager
def embedded(settings: Settings, *, announce: bool = True) -> Generator[tuple[Addresses, Embedded]]:
    """Servers of our own, stopped at the end."""
    own = Embedded(settings.data)
    found = own.start()
    try:
        places = addresses(settings, database_url=found.database_url, redis_url=found.redis_url)
        if announce:
            own.announce(database_url=places.database_url, redis_url=places.redis_url, public_url=places.public_url)
        yield places, own
    finally:
        own.stop()


def _key(settings: Settings) -> bytes:
    if settings.secret_key is not None:
        key = settings.secret_key.get_secret_value().encode()
        Vault(key)  # says so now if it is too short
        return key
    make_folder(settings.data)
    file = settings.data / "secret.key"
    Vault.from_file(file)
    return file.read_bytes().strip()
