"""Canned texts with names filled in. Nothing is evaluated: `{{7*7}}` stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\{\{\s*([a-z_]+(?:\.[a-z_]+)*)\s*\}\}")


def render(text: str, variables: Mapping[str, str]) -> str:
    """Replace `{{name}}` by its value; an unknown name stays, so that its writer sees it. Values are not read again."""
    return _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), text)
