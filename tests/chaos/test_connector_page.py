"""The page about adding a connector: what stands there is copied, installed and used, as it is written."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.chaos.harness import CLEAN, ROOT, settled, start
from tests.integration.connectors.harness import free_port

pytestmark = pytest.mark.slow
PAGE = (ROOT / "docs" / "develop" / "add-a-connector.md").read_text(encoding="utf-8")
SECRET = "a-secret-of-sixteen-and-more"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def place() -> Generator[Path]:
    """A folder with the page's package in it, installed as pip would: its file and its entry points."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        site = folder / "site"
        project = tomllib.loads(blocks("toml")[0])["project"]
        [(group, points)] = project["entry-points"].items()
        info = site / f"hub_pigeon-{project['version']}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()))
        (site / "hub_pigeon.py").write_text("\n".join(blocks("python")))
        yield folder


@asynccontextmanager
async def loft(taken: list[dict[str, Any]]) -> AsyncGenerator[str]:
    """The provider's side: takes notes and numbers them."""

    async def notes(request: web.Request) -> web.Response:
        taken.append(await request.json())
        return web.json_response({"id": f"p-{len(taken)}"}, status=201)

    app = web.Application()
    app.add_routes([web.post("/notes", notes)])
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        await runner.cleanup()


def apply(place: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hub.cli", "apply", "pigeon.toml"]
    return subprocess.run(command, cwd=place, env={**CLEAN, **environment}, capture_output=True, text=True, check=False)


async def test_a_connector_copied_from_the_page_carries_a_question_and_its_answer(place: Path) -> None:
    environment = {"PYTHONPATH": f"{ROOT}:{place / 'site'}", "PIGEON_SECRET": SECRET}
    port, data, taken = free_port(), place / "data", list[dict[str, Any]]()
    hub = start(
        place / "logs", "up", "--demo", "--quiet-customers", "--port", str(port), "--data", str(data), **environment
    )
    hub.url = f"http://127.0.0.1:{port}"
    try:
        async with loft(taken) as api, aiohttp.ClientSession() as http:
            await hub.ready(60)
            (place / "pigeon.toml").write_text(blocks("toml")[1].replace("https://loft.example/", api))
            applied = await asyncio.to_thread(apply, place, {**environment, "HUB_DATA": str(data)})
            assert applied.returncode == 0, applied.stderr
            assert "+ account 'pigeon'" in applied.stdout

            [note] = re.findall(r"note='(.*)'", blocks("sh")[0])
            signature = hmac.new(SECRET.encode(), note.encode(), hashlib.sha256).hexdigest()
            landed = f"{hub.url}/hooks/pigeon/pigeon/landed"
            for said, wanted in ((signature, 200), (signature, 200), ("forged", 403)):
                async with http.post(landed, data=note, headers={"X-Pigeon-Signature": said}) as answer:
                    assert answer.status == wanted, await answer.text()

            token = json.loads((data / "demo.json").read_text())["api_token"]
            headers = {"Authorization": f"Bearer {token}"}
            async with http.get(f"{hub.url}/api/v1/conversations?view=all", headers=headers) as answer:
                [one] = (await answer.json())["items"]
            assert one["preview"] == "Is the lamp still available?"
            said = {"text": "It is.", "client_id": "0b5cbb4e-7c0e-4a7b-9d55-8a4b8f0f2a11"}
            async with http.post(
                f"{hub.url}/api/v1/conversations/{one['id']}/replies", json=said, headers=headers
            ) as answer:
                assert answer.status == 201, await answer.text()

            async def arrived() -> bool:
                return len(taken) > 0

            await settled(arrived, 30)
            assert [(sent["to"], sent["text"]) for sent in taken] == [("+14155550123", "It is.")]
        assert await hub.stop() <= 15
        assert "Traceback" not in hub.said
    finally:
        await hub.stop()
