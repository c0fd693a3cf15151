"""What a group of commands is made with."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hub.settings import Settings

Command = Callable[[argparse.Namespace, Settings], int]  # its exit status


def add_command(commands: Any, name: str, run: Command, text: str) -> argparse.ArgumentParser:
    """One command of a parser's `commands`, with what every command takes."""
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--data", type=Path, help="the data folder (default .hub, or HUB_DATA)")
    parser.set_defaults(command=run)
    return parser
