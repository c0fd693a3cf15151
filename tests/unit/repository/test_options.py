"""Every option of the command line stands in the pages, so that nobody has to read the source to find it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from hub.cli.main import commands_parser

ROOT = Path(__file__).parents[3]
COMMON = {"--help", "--version"}


def options(parser: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, str]]:
    """(command, option), of a parser and of all below it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below, one in action.choices.items():
                yield from options(one, f"{name} {below}")
        for option in action.option_strings:
            if option.startswith("--") and option not in COMMON:
                yield name, option


def test_every_option_is_in_the_pages() -> None:
    pages = "\n".join(file.read_text(encoding="utf-8") for file in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
    known = set(re.findall(r"--[a-z][a-z-]+", pages))
    found = set(options(commands_parser(), "hub"))
    assert ("hub up", "--quiet-customers") in found
    assert {(command, option) for command, option in found if option not in known} == set()
