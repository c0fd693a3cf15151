"""The description of the API is true: schemathesis tries to prove otherwise."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import pytest

from hub.app import ENDPOINTS
from tests.support.app import App

# What a caller must not be able to do to themselves while being tested: end their own session or token.
EXCLUDED = ("/api/v1/session/link", "/api/v1/tokens/{token_id}")
# Checks that are about more than the description: an unknown method or a missing header is tested elsewhere.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection"


async def test_every_operation_is_described(app: App) -> None:
    document: dict[str, Any] = await (await app.client.get("/api/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    described = {(m.upper(), p) for p, item in document["paths"].items() for m in item}
    assert described == {(e.method, e.path) for e in ENDPOINTS}
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["summary"]
            assert operation["responses"]["503"] == {"$ref": "#/components/responses/Unavailable"}
    assert "application/problem+json" in document["components"]["responses"]["Unavailable"]["content"]


@pytest.mark.timeout(900)  # some thousand requests; a busy machine takes its time
@pytest.mark.slow
async def test_schemathesis_finds_no_error_and_no_undocumented_answer(app: App) -> None:
    admin = await app.agent("admin")
    for n in range(3):
        await app.sms(sender=f"+1415555{n:04}")
        await app.mail(sender=f"c{n}@customer.example")
    url = str(app.client.make_url("/api/openapi.json"))
    examples = os.environ.get("SCHEMATHESIS_EXAMPLES", "12")
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        url,
        "-H",
        f"Authorization: {admin.headers['Authorization']}",
        "--checks",
        CHECKS,
        "--max-examples",
        examples,
        "--phases",
        "examples,coverage,fuzzing",
        "--seed",
        "7",
        "--no-color",
        "--request-timeout",
        "20",
        "--suppress-health-check",
        "all",
    ]
    for path in EXCLUDED:
        command += ["--exclude-path", path]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, "\n".join(x for x in output.decode().splitlines() if x.strip())[-9000:]
