"""A hub with a number for SMS and one for WhatsApp."""

from __future__ import annotations

import pytest

from tests.integration.connectors.conftest import hub
from tests.integration.connectors.harness import Hub

__all__ = ["hub"]
SENDER = "+15550100100"


@pytest.fixture
async def both(hub: Hub) -> Hub:
    twilio = hub.twilio
    await hub.account(
        "wa", "twilio", "whatsapp", SENDER, account_sid=twilio.account_sid, auth_token=twilio.auth_token,
        api_base=twilio.url,
    )  # fmt: skip
    twilio.messaging.hooks["whatsapp"] = f"{hub.url}/hooks/twilio/wa/whatsapp"
    hub.forget_accounts()
    return hub
