"""What the style sheets inside a mail hide: preview lines of newsletters, what is meant for other programs.

Only what is certain is hidden, since the rest may be a customer's own words: by a rule of one class, id or tag (or some
of these together) outside any `@media`, on what stands after its sheet, where no other rule and no style of the element
itself may show it again. `mso-hide` hides from Outlook alone and stands on what all others show: it hides nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from resiliparse.parse.html import DocumentNode, ElementNode, HTMLTree  # pyright: ignore[reportMissingModuleSource] - of Rust, its types beside it

_MAX_SHEETS, _MAX_RULES, _MAX_LOOKS = 200_000, 2_000, 50_000  # characters; rules; rules that elements are held against
_ASIDE = re.compile(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.DOTALL)
_STRING = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")
_END = re.compile(r"([{};])")
_SIMPLE = re.compile(r"(?=.)(?:[a-z][a-z0-9]*)?(?:[.#][a-z_][\w-]*)*", re.IGNORECASE)
_STATE = re.compile(r"::?[a-z-]+(?:\([^)]*\))?", re.IGNORECASE)  # `:hover`: then it is shown
_SCREEN = re.compile(r"\s*(?:all|screen)?\s*", re.IGNORECASE)
_NOTHING = re.compile(r"0+(?:\.0*)?[a-z%]*|\.0+[a-z%]*", re.IGNORECASE)
_UNDONE_BELOW = ("font-size", "visibility")  # a descendant may show its own words again

Weight = tuple[bool, int, int, int, int]  # as the cascade compares: important, ids, classes, tags, place


@dataclass(frozen=True, slots=True)
class _Rule:
    selector: str
    name: str
    weight: Weight
    sheet: int


def marked(html: str) -> HTMLTree | None:
    """The page of `html` with `display:none` on each element that its sheets certainly hide; None if there is none."""
    if "<style" not in html.lower():
        return None
    tree = HTMLTree.parse(html)
    document = tree.document
    if document is None:
        return None
    hiding: list[_Rule] = []
    showing: list[_Rule] = []
    sheets = document.query_selector_all("style")
    if sum(len(s.text or "") for s in sheets) > _MAX_SHEETS:
        return None
    for number, sheet in enumerate(sheets):
        everywhere = _SCREEN.fullmatch(sheet.getattr("media") or "") is not None
        for rule, hides in _rules(sheet.text or "", number, everywhere=everywhere):
            (hiding if hides else showing).append(rule)
    if not hiding or len(hiding) + len(showing) > _MAX_RULES:
        return None
    hidden = _hidden(document, hiding, showing)
    for node in hidden:
        node.setattr("style", "display:none")
    return tree if hidden else None


def _hidden(document: DocumentNode, hiding: list[_Rule], showing: list[_Rule]) -> list[ElementNode]:
    """The elements that are hidden; none when to find out would take too long."""
    found: list[ElementNode] = []
    before = looks = 0  # sheets that an element stands after
    for node in document.query_selector_all(",".join(dict.fromkeys(["style", *(r.selector for r in hiding)]))):
        if node.tag == "style":
            before += 1
            continue
        looks += len(hiding) + len(showing)
        if looks > _MAX_LOOKS:
            return []
        mine: dict[str, Weight] = {}
        for rule in hiding:
            if rule.sheet < before and node.matches(rule.selector):
                mine[rule.name] = max(rule.weight, mine.get(rule.name, rule.weight))
        if any(_stays(node, name, weight, showing) for name, weight in mine.items()):
            found.append(node)
    return found


def _stays(node: ElementNode, name: str, weight: Weight, showing: list[_Rule]) -> bool:
    """Whether nothing may show again what is hidden with this weight."""
    if any(r.name == name and r.weight > weight and _may_match(node, r.selector) for r in showing):
        return False
    own = (_declared(piece) for piece in (node.getattr("style") or "").split(";"))
    if any(said and said[0] == name and not said[1] and said[2] >= weight[0] for said in own):
        return False
    return name not in _UNDONE_BELOW or not node.query_selector_all("[style],[class],[id],font")


def _may_match(node: ElementNode, selector: str) -> bool:
    try:
        return node.matches(_STATE.sub("", selector) or "*")
    except Exception:  # noqa: BLE001 - a selector that the parser does not know: some program may
        return True


def _rules(text: str, sheet: int, *, everywhere: bool) -> Iterator[tuple[_Rule, bool]]:
    """Each that hides or shows, and whether it hides; those in `@media` can but show."""
    around: list[str] = []
    pieces = _END.split(_STRING.sub("''", _ASIDE.sub("", text)))
    for place, (words, end) in enumerate(zip(pieces[::2], pieces[1::2], strict=False)):
        if end == "{":
            around.append(words.strip())
            continue
        said = _declared(words) if around and not around[-1].startswith("@") else None
        if said is not None:
            name, hides, important = said
            selectors = [one.strip() for one in around[-1].split(",")]
            # Programs pass over a whole rule when they do not know one of its selectors.
            certain = everywhere and len(around) == 1 and all(_SIMPLE.fullmatch(one) for one in selectors)
            for one in selectors if certain or not hides else ():
                weight = (
                    important,
                    one.count("#"),
                    len(re.findall(r"[.:\[]", one)),
                    len(re.findall(r"(?<![\w.#:-])[a-z]", one, re.IGNORECASE)),
                    sheet * _MAX_SHEETS + place,
                )
                yield _Rule(one, name, weight, sheet), hides
        if end == "}" and around:
            around.pop()


def _declared(words: str) -> tuple[str, bool, bool] | None:
    """What a declaration decides about being seen: the property, whether it hides, whether it is important."""
    name, _, value = words.lower().partition(":")
    value, important, _ = value.partition("!")
    name, value = name.strip(), value.strip()
    if name == "display":
        hides = value == "none"
    elif name == "visibility":
        hides = value in ("hidden", "collapse")
    elif name == "font-size":
        hides = _NOTHING.fullmatch(value) is not None
    elif name == "font":
        name, hides = "font-size", False
    else:
        return None
    return name, hides, bool(important)
