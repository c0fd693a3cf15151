"""Coverage-guided fuzzing of the mail parser: `python -m tests.fuzz.mail [folder] [libFuzzer options]` (group `fuzz`).

    uv pip install --group fuzz
    python -m tests.fuzz.mail -max_total_time=600 -timeout=10 -max_len=20000

A crash, a hang (instrumented code runs several times slower) or a broken promise stops it and leaves the input as `crash-*`. What it found once lies in
`tests/fuzz/seeds`, which every test run reads too. New inputs go to `folder`; without one, to a temporary one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris
from atheris.import_hook import instrument_imports

with instrument_imports(include=["connectors.email", "icalendar", "tnefparse", "flufl"]):
    from connectors.email.parse import parse
    from connectors.email.unreadable import remains

from connectors.email.parse import Envelope
from hub.core.errors import Invalid
from tests.fuzz.invariants import kept

HERE = Path(__file__).parent
MAILS = HERE.parent / "unit" / "connectors" / "mails"


def one_input(raw: bytes) -> None:
    """Read it whole and at a glance; both must keep every promise."""
    try:
        mail = parse(raw, account_id=1, envelope=Envelope("", ("a@b.example",)), own="a@b.example", trusted="mx")
    except Invalid:
        return
    kept(raw, mail)
    kept(raw, remains(raw, account_id=1, envelope=Envelope(), reason="x"))


def main() -> None:
    """Fuzz until stopped."""
    arguments = (
        sys.argv[1:] if sys.argv[1:] and not sys.argv[1].startswith("-") else [tempfile.mkdtemp(), *sys.argv[1:]]
    )
    Path(arguments[0]).mkdir(parents=True, exist_ok=True)
    atheris.Setup([sys.argv[0], arguments[0], str(HERE / "seeds"), str(MAILS), *arguments[1:]], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
