"""Writing mail at the desk: copies, signatures, pictures, files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.channels import capabilities
from hub.channels.capabilities import capabilities_of
from tests.integration.messages.mail_desk import CUSTOMER, answer, composing, conversation, payload, upload
from tests.support.app import App


async def own_address(app: App) -> str:
    account = next(a for a in await app.context.intake.accounts("email"))
    assert account.address
    return account.address


# -- who gets it -------------------------------------------------------------------------------------------------
async def test_answer_goes_to_everybody_but_us(app: App) -> None:
    admin = await app.agent("admin")
    ours = await own_address(app)
    local, _, domain = ours.partition("@")
    number = await app.mail()
    copies = ["Bob@Customer.Example", ours, f"{local}+c1-x@{domain}", CUSTOMER]
    await answer(admin, number, cc=copies, bcc=["bob@customer.example", "eve@customer.example"])
    sent = await payload(app)
    assert (sent["to"], sent["cc"], sent["bcc"]) == (CUSTOMER, ["bob@customer.example"], ["eve@customer.example"])


async def test_copy_that_is_no_address_is_refused_by_name(app: App) -> None:
    admin = await app.agent("admin")
    number = await app.mail()
    for field in ("cc", "bcc"):
        body = {"client_id": "x", "text": "x", field: ["bob@customer.example", "x@y\r\nRCPT TO:<z>"]}
        problem = await admin.post(f"/conversations/{number}/replies", body, status=422)
        assert problem["errors"][0]["field"] == field


async def test_sms_has_no_copies(app: App) -> None:
    admin = await app.agent("admin")
    number = await app.sms()
    body = {"client_id": "x", "text": "x", "cc": ["bob@customer.example"]}
    assert (await admin.post(f"/conversations/{number}/replies", body, status=422))["errors"][0]["field"] == "cc"


@pytest.mark.parametrize("verified", [True, False])
async def test_answer_to_all_is_proposed_only_after_a_proved_mail(app: App, verified: bool) -> None:
    admin = await app.agent("admin")
    ours = await own_address(app)
    meta = {
        "to": [ours, "Bob@customer.example"],
        "cc": ["noreply@customer.example", CUSTOMER, "not an address", "eve@x.example"],
    }
    number = await app.mail(meta=meta, verified=verified)
    found = await composing(admin, number)
    assert found["everybody"] == ["bob@customer.example", "eve@x.example"]
    assert found["answer_all"] is verified


async def test_answer_goes_where_the_customer_asked_for_it_but_never_to_ourselves(app: App) -> None:
    admin = await app.agent("admin")
    ours = await own_address(app)
    for asked, got in (
        ("desk@customer.example", "desk@customer.example"),
        (ours, "b@c.example"),
        ("x y", "b@c.example"),
    ):
        number = await app.mail(sender="b@c.example", meta={"reply_to": asked})
        await answer(admin, number)
        assert (await payload(app))["to"] == got


# -- what it says ------------------------------------------------------------------------------------------------
async def test_signature_of_the_account_stands_below_the_answer_and_not_in_the_record(app: App) -> None:
    admin = await app.agent("admin")
    await app.core.db.execute(
        "update account set signature = '{{agent.name}} · {{queue.name}} {{7*7}}' where channel = 'email'"
    )
    number = await app.mail()
    shown = (await composing(admin, number))["signatures"][0]
    written = await answer(admin, number)
    me = await admin.get("/me")
    assert shown["text"].startswith(f"{me['agent']['name']} · ")
    assert shown["text"].endswith("{{7*7}}")
    assert (await payload(app))["text"] == f"We are on it.\n\n-- \n{shown['text']}"
    assert written["text"] == "We are on it."


async def test_picture_stands_where_it_was_put(app: App) -> None:
    admin = await app.agent("admin")
    number = await app.mail()
    picture, file = (
        await upload(admin, "view.png", b"\x89PNG"),
        await upload(admin, "a.pdf", b"%PDF", "application/pdf"),
    )
    text = f"Look <here>:\n\n![the view](upload:{picture})\n\nsee https://hub.example/a."
    written = await answer(admin, number, text=text, attachments=[file])
    sent = await payload(app)
    assert sent["text"] == "Look <here>:\n\n[the view]\n\nsee https://hub.example/a."
    assert f'src="cid:{"image" + str(picture)}@omnihub.invalid"' in sent["html"]
    assert "&lt;here&gt;" in sent["html"]
    assert '<a href="https://hub.example/a">' in sent["html"]
    assert f"/api/v1/attachments/{picture}" in written["html"]  # as the desk shows it
    assert {a["name"]: a["inline"] for a in written["attachments"]} == {"view.png": True, "a.pdf": False}


async def test_html_alone_gets_its_words_as_text(app: App) -> None:
    admin = await app.agent("admin")
    number = await app.mail()
    written = await answer(admin, number, text="", html="<h1>Hello</h1><p>World</p>")
    assert written["text"].split() == ["Hello", "World"]


async def test_files_too_large_together_are_refused_before_anything_is_written(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(capabilities._KNOWN, "email", replace(capabilities_of("email"), max_bytes=1000))
    admin = await app.agent("admin")
    number = await app.mail()
    files = [await upload(admin, f"{n}.bin", b"x" * 600) for n in range(2)]
    body = {"client_id": "x", "text": "x", "attachments": files}
    assert "MB" in (await admin.post(f"/conversations/{number}/replies", body, status=422))["detail"]
    assert (await conversation(admin, number))["waiting_since"]
    await answer(admin, number, attachments=files[:1])


async def test_text_of_one_account_is_offered_with_that_account(app: App) -> None:
    admin = await app.agent("admin")
    [key] = [a.key for a in await app.context.intake.accounts("email")][:1]
    await app.core.db.execute(
        "insert into template (key, name, body, account) values ('own', 'Own', 'x', %s), ('gone', 'Gone', 'x', 'nobody')",
        [key],
    )
    found = {t["key"]: t["account_id"] for t in (await admin.get("/templates"))["items"]}
    assert found["own"] == next(a.id for a in await app.context.intake.accounts("email"))
    assert "gone" not in found
