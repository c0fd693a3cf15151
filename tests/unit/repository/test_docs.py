"""What the pages show can be copied and works: accounts are valid, links lead somewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from connectors.chat import Chat
from connectors.email import Email
from connectors.httpsms import HttpSms
from connectors.twilio import Twilio

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    [*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"))]
)
SETTINGS = {c.name: c.Settings for c in (Chat, Email, HttpSms, Twilio)}
_SECRETS = {"${TWILIO_SID}": "AC" + "0" * 32}


def _accounts() -> list[tuple[str, dict[str, object]]]:
    found: list[tuple[str, dict[str, object]]] = []
    for page in PAGES:
        for block in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            if page.name == "add-a-connector.md":
                continue  # of a connector that the page itself builds: tests/chaos/test_connector_page.py
            if block.startswith("[[account]]"):
                found += [(page.name, account) for account in tomllib.loads(block)["account"]]
    return found


@pytest.mark.parametrize(("page", "account"), _accounts(), ids=lambda x: x if isinstance(x, str) else "")
def test_account_of_a_page_is_valid(page: str, account: dict[str, object]) -> None:
    def filled(value: object) -> object:
        if isinstance(value, dict):
            return {k: filled(v) for k, v in value.items()}
        if isinstance(value, str) and value.startswith("${"):
            return _SECRETS.get(value, "a-secret-of-sixteen-and-more")
        return value

    SETTINGS[str(account["connector"])].model_validate(filled(account.get("settings", {})))


def test_pages_show_accounts() -> None:
    assert len(_accounts()) >= 3


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_tests_that_a_page_names_exist(page: Path) -> None:
    for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text(encoding="utf-8")):
        assert (ROOT / file).exists(), f"{page.name} names {file}"
        assert not name or re.search(rf"^(?:async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), (
            f"{page.name} names {file}::{name}"
        )


def test_each_fault_names_its_tests() -> None:
    rows = [
        line for line in (ROOT / "docs" / "operate" / "faults.md").read_text().splitlines() if line.startswith("| ")
    ]
    faults = [row for row in rows if not row.startswith("| what happens")]
    assert len(faults) > 30
    assert [row for row in faults if "::test_" not in row and "`make soak`" not in row] == []
