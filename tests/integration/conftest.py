from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from hub.core.service import Core
from tests.integration.connectors import certificates
from tests.integration.connectors.certificates import Certificates
from tests.integration.connectors.dovecot import Dovecot, running
from tests.support.app import App, open_app


@pytest.fixture(scope="module")
def papers() -> Generator[Certificates]:
    """An authority's certificate, and a server's for localhost."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the mail server has a user of its own
        yield certificates.make(Path(folder))


@pytest.fixture(scope="module")
def guarded(papers: Certificates) -> Generator[Dovecot]:
    """An IMAP server with TLS."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), certificates=papers) as dovecot:
        yield dovecot


@pytest.fixture
async def app(core: Core, aiohttp_client: Any) -> App:
    return await open_app(core, aiohttp_client)
