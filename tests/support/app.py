"""A whole hub in one process for tests: real servers below, a real HTTP client above, the demonstration's factory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient

from hub.access import signin
from hub.app import web_application
from hub.channels.accounts import Accounts
from hub.channels.model import AddressKind, Inbound
from hub.channels.registry import load_connectors
from hub.core.service import Core
from hub.messages.intake import Intake
from hub.provisioning.apply import apply
from hub.provisioning.model import read
from hub.web.context import WebContext

CENTER = Path(__file__).parents[2] / "config" / "center.toml"
PASSWORD = "correct horse battery"
VARIABLES = {
    "DEMO_SMTP_PORT": "2525",
    "DEMO_LMTP_PORT": "2424",
    "DEMO_CATCHER_HOST": "127.0.0.1",
    "DEMO_CATCHER_PORT": "2526",
    "DEMO_TWILIO_SID": "AC" + "0" * 32,
    "DEMO_TWILIO_TOKEN": "0" * 32,
    "DEMO_TWILIO_URL": "http://127.0.0.1:1",
}
Headers = dict[str, str]


class App:
    """A running hub and the people in it."""

    def __init__(self, core: Core, client: TestClient[Any, Any], context: WebContext):
        self.core = core
        self.client = client
        self.context = context
        self.ids: dict[str, int] = {}

    async def agent(self, name: str) -> Agent:
        """Somebody of the factory (`amy`, `eva`, `admin`…), signed in by token."""
        row = (await self.core.db.dicts("select id from agent where email = %s", [f"{name}@lumen-oak.example"]))[0]
        _, token = await signin.new_api_token(self.core.db, row["id"], "test")
        return Agent(self, row["id"], {"Authorization": f"Bearer {token}"})

    async def sms(self, text: str = "Where is my lamp?", sender: str = "+14155550100", key: str | None = None) -> int:
        """A customer's SMS, taken in; its conversation."""
        account = next(a for a in await self.context.intake.accounts("twilio"))
        self.ids["n"] = self.ids.get("n", 0) + 1
        inbound = Inbound(
            account.id, key or f"SM{self.ids['n']}", text.encode(), "text/plain", AddressKind.PHONE, sender, text
        )
        done = await self.context.intake.message(inbound)
        assert done.conversation_id
        return done.conversation_id

    async def mail(self, text: str = "Hello", sender: str = "ana@customer.example", **more: Any) -> int:
        """A customer's mail, taken in; its conversation."""
        account = next(a for a in await self.context.intake.accounts("email"))
        self.ids["n"] = self.ids.get("n", 0) + 1
        inbound = Inbound(
            account.id, f"M{self.ids['n']}", text.encode(), "message/rfc822", AddressKind.EMAIL, sender, text, **more
        )
        done = await self.context.intake.message(inbound)
        assert done.conversation_id
        return done.conversation_id


class Agent:
    """Somebody calling the API."""

    def __init__(self, app: App, number: int, headers: Headers):
        self.app = app
        self.id = number
        self.headers = headers

    async def call(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        """One request under /api/v1; its JSON. `status`: what must come back (default: any good one)."""
        response = await self.app.client.request(method, f"/api/v1{path}", json=body, headers=self.headers)
        text = await response.text()
        assert response.status == status if status else response.status < 300, (
            f"{method} {path}: {response.status} {text}"
        )
        return await response.json(content_type=None) if text else None

    async def get(self, path: str, **more: Any) -> Any:
        """GET."""
        return await self.call("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Any:
        """POST; an empty object unless a body is given."""
        return await self.call("POST", path, {} if body is None else body, **more)


async def open_app(core: Core, aiohttp_client: Callable[..., Awaitable[Any]]) -> App:
    """Apply the demonstration's factory and start the web side."""
    connectors = load_connectors(core)
    await apply(core.db, core.vault, connectors, read(CENTER, VARIABLES))
    accounts = Accounts(core.db, core.vault, connectors)
    intake = Intake(core, accounts, connectors)
    context = WebContext(core, accounts, connectors, intake, "test")
    return App(core, await aiohttp_client(web_application(context, intake.close)), context)
