"""`hub apply`: idempotent, honest about the difference, and precise about what is wrong with a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.channels.accounts import Accounts
from hub.channels.registry import load_connectors
from hub.core.errors import ConfigError
from hub.core.secrets import Vault
from hub.core.service import Core
from hub.provisioning.apply import Difference, apply, shown
from hub.provisioning.model import read
from tests.support.app import CENTER, VARIABLES

SECRET = VARIABLES["DEMO_TWILIO_TOKEN"]
SMALL = """
[[skill]]
key = "orders"
name = "Orders"
[[hours]]
key = "office"
timezone = "Europe/London"
week = { mon = [["09:00", "17:00"]] }
[[queue]]
key = "care"
name = "Care"
hours = "office"
[[agent]]
email = "Ann@Hub.example"
name = "Ann"
queues = ["care"]
skills = { orders = 3 }
[[account]]
key = "sms"
connector = "twilio"
channel = "sms"
name = "SMS"
address = "+15550100100"
queue = "care"
settings = { account_sid = "AC00000000000000000000000000000000", auth_token = "${SMS_TOKEN}" }
[[template]]
key = "hello"
name = "Hello"
body = "Hello {{contact.name}}"
[[template]]
key = "hello"
locale = "zh-CN"
name = "问候"
body = "{{contact.name}}，您好！"
"""


async def applied(
    core: Core, file: Path, *, token: str = "one-token-of-some-length", dry_run: bool = False
) -> Difference:
    center = read(file, {"SMS_TOKEN": token})
    return await apply(core.db, core.vault, load_connectors(core), center, dry_run=dry_run)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "center.toml", SMALL)


async def everything(core: Core) -> list[Any]:
    """All that `hub apply` may touch, without what is sealed anew each time."""
    tables = ["hours", "queue", "skill", "agent", "agent_queue", "agent_skill", "agent_state", "account", "template"]
    tables += ["disposition", "channel_policy", "meta"]
    return [
        sorted(str({**row, "secrets": None}) for row in await core.db.dicts(f"select * from {table}"))  # pyright: ignore[reportArgumentType] - names of tables, out of a list here
        for table in tables
    ]


async def test_the_demonstrations_center_applied_twice_changes_nothing_the_second_time(core: Core) -> None:
    center = read(CENTER, VARIABLES)
    first = await apply(core.db, core.vault, load_connectors(core), center)
    assert "+ queue 'care'" in first.lines
    assert "+ account 'sms'" in first.lines
    before = await everything(core)
    second = await apply(core.db, core.vault, load_connectors(core), read(CENTER, VARIABLES))
    assert second.lines == []
    assert next(iter(shown(second))) == "Nothing to change."
    assert await everything(core) == before


async def test_a_dry_run_shows_the_same_and_changes_nothing(core: Core, file: Path) -> None:
    before = await everything(core)
    would = await applied(core, file, dry_run=True)
    assert await everything(core) == before
    did = await applied(core, file)
    assert did.lines == would.lines
    assert {"+ queue 'care'", "+ agent 'ann@hub.example'", "+ account 'sms'"} <= set(did.lines)
    assert (await applied(core, file, dry_run=True)).lines == []


async def test_a_change_is_shown_as_old_and_new_and_touches_nothing_else(core: Core, file: Path) -> None:
    await applied(core, file)
    await core.db.execute("update agent set password_hash = 'kept', theme = 'dark'")
    write(file, SMALL.replace('name = "Care"', 'name = "Customer care"').replace("orders = 3", "orders = 5"))
    difference = await applied(core, file)
    assert difference.lines == [
        "~ queue 'care': name Care → Customer care",
        "~ agent 'ann@hub.example': skills are now orders 5",
    ]
    [agent] = await core.db.dicts("select password_hash, theme from agent")
    assert agent == {"password_hash": "kept", "theme": "dark"}


async def test_what_the_file_does_not_mention_is_kept_and_named(core: Core, file: Path) -> None:
    await applied(core, file)
    write(file, SMALL.replace('key = "care"', 'key = "help"').replace('"care"', '"help"').replace('"Care"', '"Help"'))
    difference = await applied(core, file)
    assert "queue 'care'" in difference.unmentioned
    assert await core.db.value("select count(*) from queue") == 2
    assert "Not in the file, and left alone: " in list(shown(difference))[-1]


async def test_a_file_that_only_adds_names_what_is_here_already(core: Core, file: Path) -> None:
    await applied(core, file)
    write(file, '[[queue]]\nkey = "more"\nname = "More"\nhours = "{}"\n'.format("nowhere"))
    with pytest.raises(ConfigError) as refused:
        await applied(core, file)
    assert (
        "queue 'more', hours: there is no hours 'nowhere', neither in the file nor in the hub" in refused.value.detail
    )
    [known] = await core.db.dicts("select key from hours limit 1")
    write(
        file,
        f'[[queue]]\nkey = "more"\nname = "More"\nhours = "{known["key"]}"\n'
        '[[agent]]\nemail = "new@hub.example"\nname = "New"\nqueues = ["care", "more"]\n',
    )
    assert {"+ queue 'more'", "+ agent 'new@hub.example'"} <= set((await applied(core, file)).lines)
    [row] = await core.db.dicts("select h.key from queue q join hours h on h.id = q.hours_id where q.key = 'more'")
    assert row["key"] == known["key"]


async def test_templates_keep_their_chinese_text_and_languages_apart(core: Core, file: Path) -> None:
    await applied(core, file)
    rows = await core.db.dicts("select locale, name, body from template where key = 'hello' order by locale")
    assert [(r["locale"], r["name"], r["body"]) for r in rows] == [
        ("en", "Hello", "Hello {{contact.name}}"),
        ("zh-CN", "问候", "{{contact.name}}，您好！"),
    ]
    write(file, SMALL.replace("您好！", "你好！"))
    assert (await applied(core, file)).lines == ["~ template 'hello' (zh-CN)"]


# -- secrets ---------------------------------------------------------------------------------------------------------
async def test_secrets_are_sealed_never_shown_and_a_changed_one_is_noticed(core: Core, file: Path) -> None:
    first = await applied(core, file, token="first-secret-token")
    [row] = await core.db.dicts("select settings::text, secrets from account")
    assert b"first-secret-token" not in bytes(row["secrets"])
    assert "first-secret-token" not in row["settings"]
    second = await applied(core, file, token="second-secret-token")
    assert second.lines == ["~ account 'sms': secrets changed"]
    said = "\n".join([*shown(first), *shown(second)])
    assert "secret-token" not in said
    [account] = (await Accounts(core.db, core.vault, load_connectors(core)).all()).values()
    assert account.settings.auth_token.get_secret_value() == "second-secret-token"
    assert "secret-token" not in repr(account)


async def test_another_key_is_said_with_what_to_do(core: Core, file: Path) -> None:
    await applied(core, file)
    stranger = Core(core.db, core.feed, Vault(b"another-key-" * 4), core.public_url)
    with pytest.raises(ConfigError, match=r"account.secrets:sms.*secret.key"):
        await applied(stranger, file)


# -- what can be wrong -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("orders = 3", "orders = 9", ["agent[1].skills.orders", "at most 5"]),
        ("Europe/London", "Europe/Londn", ["hours[1].timezone", "is not a time zone"]),
        ('"17:00"', '"25:00"', ["hours[1].week.mon[1][2]"]),
        ('mon = ', 'monday = ', ["hours[1].week.monday"]),
        ('key = "care"', 'key = "Care Desk"', ["queue[1].key"]),
        ('name = "Care"', 'nam = "Care"', ["queue[1].name", "queue[1].nam"]),
        ("Ann@Hub.example", "Ann", ["agent[1].email"]),
        ("[[skill]]", "[[skil]]", ["skil: "]),
        ("[[skill]]", "[skill]", ["skill: "]),
        ("[[skill]]", "[[skill", ["not valid TOML", "line 2"]),
        ("${SMS_TOKEN}", "${NO_SUCH_TOKEN}", ["account[1].settings.auth_token", "NO_SUCH_TOKEN is not set"]),
        ('locale = "zh-CN"', "", ["template 'hello (en)' is defined twice"]),
        ('[[hours]]', '[[skill]]\nkey = "orders"\nname = "Again"\n[[hours]]', ["skill 'orders' is defined twice"]),
        ('[[account]]', '[[agent]]\nemail = "ann@hub.example"\nname = "Ann"\n[[account]]', ["agent 'ann@hub.example' is defined twice"]),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_the_place(file: Path, old: str, new: str, words: list[str]) -> None:
    assert old in SMALL
    write(file, SMALL.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        read(file, {"SMS_TOKEN": "one-token-of-some-length"})
    said = str(caught.value)
    assert said.startswith(str(file))
    assert [w for w in words if w not in said] == [], said
    assert caught.value.remedy
    assert "one-token" not in said


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('hours = "office"', 'hours = "night"', ["queue 'care', hours", "no hours 'night'"]),
        ('queues = ["care"]', 'queues = ["car"]', ["agent 'ann@hub.example', queues", "no queue 'car'"]),
        ("orders = 3", "order = 3", ["agent 'ann@hub.example', skills", "no skill 'order'"]),
        ('queue = "care"', 'queue = "car"', ["account 'sms', queue", "no queue 'car'"]),
        ('queue = "care"', 'queue = "care"\nrequirements = [{ skills = { law = 2 } }]', ["account 'sms', requirements", "no skill 'law'"]),
    ],
)  # fmt: skip
async def test_name_that_neither_the_file_nor_the_hub_has_is_refused(
    core: Core, file: Path, old: str, new: str, words: list[str]
) -> None:
    before = await everything(core)
    write(file, SMALL.replace(old, new, 1))
    with pytest.raises(ConfigError) as refused:
        await applied(core, file)
    assert [w for w in words if w not in refused.value.detail] == [], refused.value.detail
    assert await everything(core) == before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('connector = "twilio"', 'connector = "fax"', ["account 'sms'", "no connector 'fax'", "twilio"]),
        ('channel = "sms"', 'channel = "fax"', ["account 'sms'", "no channel 'fax'", "sms"]),
        ("AC00000000000000000000000000000000", "XY", ["account 'sms', settings.account_sid"]),
        ("account_sid =", "acount_sid =", ["account 'sms', settings.account_sid", "settings.acount_sid"]),
        ('auth_token = "${SMS_TOKEN}"', "auth_token = 3", ["account 'sms', settings.auth_token"]),
    ],
)
async def test_an_account_its_connector_cannot_use_is_refused_and_nothing_is_changed(
    core: Core, file: Path, old: str, new: str, words: list[str]
) -> None:
    assert old in SMALL
    write(file, SMALL.replace(old, new, 1))
    before = await everything(core)
    with pytest.raises(ConfigError) as caught:
        await applied(core, file)
    said = str(caught.value)
    assert [w for w in words if w not in said] == [], said
    assert "one-token" not in said
    assert await everything(core) == before


def test_a_file_that_is_not_there_or_not_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.toml cannot be read: No such file"):
        read(tmp_path / "nowhere.toml")
    (tmp_path / "latin.toml").write_bytes(b'[[skill]]\nkey = "x"\nname = "caf\xe9"\n')
    with pytest.raises(ConfigError, match=r"latin.toml is not UTF-8"):
        read(tmp_path / "latin.toml")


def _rewrite(file: Path, text: str) -> None:
    file.write_text(text)


async def test_menu_that_leads_to_a_queue_that_is_not_there_is_refused(core: Core, file: Path) -> None:
    menu = 'queue = "care"\nsettings = { voice = { options = { 1 = { queue = "attic" } } },'
    _rewrite(file, SMALL.replace('queue = "care"\nsettings = {', menu).replace('channel = "sms"', 'channel = "voice"'))
    with pytest.raises(ConfigError) as refused:
        await applied(core, file)
    assert "settings.voice.options.1.queue: there is no queue 'attic' that takes work" in refused.value.detail
    assert await core.db.value("select count(*) from account") == 0


async def test_account_that_delivers_where_nobody_works_is_applied_and_said(core: Core, file: Path) -> None:
    _rewrite(file, SMALL.replace('queues = ["care"]\n', ""))
    difference = await applied(core, file)
    assert "! account 'sms', queue: nobody serves 'care' yet; what comes in waits there" in shown(difference)
    _rewrite(file, SMALL)
    assert not (await applied(core, file)).warned
