"""How well mail is understood, by other projects' own expected results: a folder of their test data, when one is given.

`MAIL_CORPUS` names a folder that may hold `zammad/` (mailNNN.box beside mailNNN.yml), `email-reply-trimmer/` (emails/
and trimmed/) and `flufl-bounce/`, each as it lies in that project's repository. None of it is ours, and none is needed to
run the tests.
"""

from __future__ import annotations

from email import message_from_bytes
from pathlib import Path
from typing import Any

import yaml
from flufl.bounce import all_failures

from connectors.email.parse import parse
from connectors.email.quotes import visible
from tests.bench.stage import Figure


class _Plain(yaml.SafeLoader):
    """YAML whose Ruby classes are taken for what they hold."""


def _untyped(loader: _Plain, _: str, node: yaml.Node) -> Any:
    match node:
        case yaml.MappingNode():
            return loader.construct_mapping(node, deep=True)
        case yaml.SequenceNode():
            return loader.construct_sequence(node, deep=True)
        case yaml.ScalarNode():
            return loader.construct_scalar(node)
        case _:
            raise TypeError(f"A node of an unknown kind: {node!r}")


_Plain.add_multi_constructor("!", _untyped)
_Plain.add_multi_constructor("tag:", _untyped)


def scores(folder: Path) -> list[Figure]:
    """One line for each project whose data are there, and one for each disagreement."""
    figures: list[Figure] = []
    for name, score in (("zammad", _zammad), ("email-reply-trimmer", _trimming), ("flufl-bounce", _bounces)):
        if (folder / name).is_dir():
            figures += score(folder / name)
    return figures


def _zammad(folder: Path) -> list[Figure]:
    right = {"subject": 0, "sender": 0, "attachment names": 0}
    asked = dict.fromkeys(right, 0)
    notes: list[Figure] = []
    for file in sorted(folder.glob("*.yml")):
        wanted = yaml.load(file.read_text(encoding="utf-8"), _Plain)
        mail = parse(file.with_suffix(".box").read_bytes(), account_id=1).inbound
        files = [str(a.get("filename")) for a in wanted.get("attachments") or [] if not _made_by_them(a)]
        pairs: list[tuple[str, Any, Any]] = [
            ("subject", str(wanted.get("subject") or "").strip(), mail.subject.strip())
        ]
        if "from_email" in wanted:
            pairs.append(("sender", str(wanted["from_email"] or "").lower(), mail.address.lower()))
        if files:
            pairs.append(("attachment names", sorted(files), sorted(a.name for a in mail.attachments)))
        for what, theirs, ours in pairs:
            if what == "subject" and "subject" not in wanted:
                continue
            asked[what] += 1
            right[what] += theirs == ours
            if theirs != ours:
                notes.append(Figure(f"  {file.stem}: {what}", f"{str(ours)[:40]!r}", f"theirs: {str(theirs)[:60]!r}"))
    least = {"subject": 82, "sender": 81, "attachment names": 20}
    return [
        Figure(f"Zammad: {k}", f"{right[k]}/{asked[k]}", f">= {least[k]}", right[k] >= least[k]) for k in right
    ] + notes


def _made_by_them(attachment: dict[str, Any]) -> bool:
    return bool((attachment.get("preferences") or {}).get("original-format"))


def _trimming(folder: Path) -> list[Figure]:
    exact = lost = total = 0
    notes: list[Figure] = []
    for file in sorted((folder / "emails").glob("*.txt")):
        text = file.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
        wanted = _even((folder / "trimmed" / file.name).read_text(encoding="utf-8", errors="replace"))
        shown = _even(visible(text))
        total += 1
        exact += shown == wanted
        missing = [line for line in wanted.split("\n") if line.strip() and line.strip() not in shown]
        lost += bool(missing)
        if shown != wanted:
            notes.append(Figure(f"  {file.stem}", "shows more" if not missing else "LOSES", ""))
    return [
        Figure("reply trimming: exact", f"{exact}/{total}", ">= 56", exact >= 56),
        Figure("reply trimming: customer's own text lost", str(lost), "0", lost == 0),
        *notes,
    ]


def _even(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))


def _bounces(folder: Path) -> list[Figure]:
    """Against what the library finds; that we ask it where the standards end makes this a check of our own share."""
    right = total = 0
    for file in sorted(folder.glob("*.txt")):
        raw = file.read_bytes()
        passing, lasting = all_failures(message_from_bytes(raw))
        report = parse(raw, account_id=1).report
        found = {one.lower() for one in (report.recipients if report else ())}
        total += 1
        right += found == {one.decode().lower() for one in passing | lasting}
    return [Figure("bounces: addresses found", f"{right}/{total}", ">= 115", right >= 115)]
