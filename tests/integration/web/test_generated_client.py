"""A Python client, generated from the description and used as it comes: the day's main job through it alone."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from hub.access import signin
from hub.app import openapi
from hub.core.release import hub_version
from tests.support.app import PASSWORD, App

PACKAGE = "generated_hub_client"


@dataclass(frozen=True, slots=True)
class Generated:
    """The folder that the client lies in, and what its generator said."""

    folder: Path
    status: int
    output: str


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_bytes(openapi(hub_version(), "/"))
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", "openapi.json", "--meta", "none"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it formats what it writes with ruff
    done = subprocess.run(
        [*command, "--output-path", PACKAGE],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return Generated(folder, done.returncode, done.stdout)


@pytest.fixture(scope="module")
def package(generated: Generated) -> Generator[Any]:
    """The generated package, as its users import it."""
    sys.path.insert(0, str(generated.folder))
    yield import_module(PACKAGE)
    sys.path.remove(str(generated.folder))
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


class Caller:
    """Calls operations by tag and name, and makes the shapes that they take."""

    def __init__(self, client: Any):
        self.client = client
        self.models = import_module(f"{PACKAGE}.models")

    async def __call__(self, name: str, *ids: int, **more: Any) -> Any:
        """The parsed answer of `tag.operation`."""
        return await import_module(f"{PACKAGE}.api.{name}").asyncio(*ids, client=self.client, **more)

    def file(self, name: str, body: bytes) -> Any:
        """A text file to upload."""
        file = import_module(f"{PACKAGE}.types").File(io.BytesIO(body), file_name=name, mime_type="text/plain")
        return self.models.UploadFileBody(file=file)


@pytest.fixture
async def amy(app: App, package: Any) -> AsyncGenerator[Caller]:
    """Amy, signed in as a browser does, working with the token that she made."""
    agent = await app.agent("amy")
    await signin.set_password(app.core.db, agent.id, PASSWORD)
    url = str(app.client.make_url("/")).rstrip("/")
    strict: dict[str, Any] = {"base_url": url, "raise_on_unexpected_status": True}
    async with package.Client(**strict, headers={"X-Hub-Request": "1", "Origin": url}) as browser:
        call = Caller(browser)
        me = await call("session.sign_in", body=call.models.SignIn("amy@lumen-oak.example", PASSWORD))
        assert (me.agent.email, me.agent.role) == ("amy@lumen-oak.example", "agent")
        made = await call("session.create_token", body=call.models.NewApiToken("a script"))
    async with package.AuthenticatedClient(**strict, token=made.token) as client:
        yield Caller(client)


def test_client_is_generated_without_a_warning(generated: Generated) -> None:
    assert (generated.status, generated.output.splitlines()) == (0, [f"Generating {PACKAGE}"])


async def test_main_job_is_done_when_only_the_generated_client_is_used(app: App, amy: Caller) -> None:
    me = await amy("session.read_me")
    waiting = await app.mail("Where is my lamp?", sender="ana@customer.example")
    queues = await amy("reports.list_queues")
    page = await amy("conversations.list_conversations", view=amy.models.ListConversationsView.WAITING)
    [summary] = page.items
    assert (summary.id, summary.contact.name, summary.entry_state) == (waiting, "ana@customer.example", "waiting")
    assert summary.queue.id in {queue.id for queue in queues.items if queue.waiting == 1}

    taken = await amy("conversations.pull_conversation", waiting)
    [question] = taken.interactions
    assert (taken.agent.id, question.text) == (me.agent.id, "Where is my lamp?")
    original = await amy("conversations.read_original_message", question.id)
    assert original.payload.read() == b"Where is my lamp?"

    uploaded = await amy("files.upload_file", body=amy.file("label.txt", b"on its way"))
    body = amy.models.NewReply("r-1", "It is on its way.", attachments=[uploaded.id])
    reply = await amy("conversations.reply_to_conversation", waiting, body=body)
    assert (reply.direction, reply.status, reply.text) == ("out", "pending", "It is on its way.")
    again = await amy("conversations.reply_to_conversation", waiting, body=body)
    assert again.id == reply.id
    [attached] = reply.attachments
    assert (await amy("files.read_attachment", attached.id)).payload.read() == b"on its way"

    done = await amy("conversations.resolve_conversation", waiting, body=amy.models.Outcome())
    assert done.status == "resolved"
    assert (await amy("conversations.list_conversations", view=amy.models.ListConversationsView.WAITING)).items == []
    assert (await amy("conversations.count_conversations")).resolved_today == 1


async def test_problem_is_parsed_when_the_hub_refuses(app: App, amy: Caller) -> None:
    problem = await amy("conversations.read_conversation", 999)
    assert isinstance(problem, amy.models.Problem)
    assert (problem.status, problem.detail) == (404, "There is no such conversation.")
    refused = await amy("conversations.list_conversations", limit=0)
    assert [(error.field, bool(error.message)) for error in refused.errors] == [("limit", True)]
