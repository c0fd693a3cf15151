"""Names that others give: bounded by bytes, the same everywhere, and told apart."""

from __future__ import annotations

from hypothesis import given

from hub.core.identifiers import MOST_BYTES, identifier
from hub.core.texts import clean, clean_json
from tests.attack.scale import texts


@given(texts)
def test_identifier_fits_an_index_and_is_the_same_when_made_again(name: str) -> None:
    kept = identifier(name)
    assert len(kept.encode()) <= MOST_BYTES
    assert "\x00" not in kept
    assert identifier(kept) == kept


@given(texts, texts)
def test_two_names_stay_two_names(one: str, other: str) -> None:
    if clean(one) != clean(other):
        assert identifier(one) != identifier(other)


def test_short_name_stays_as_it_is() -> None:
    assert identifier("<20260302.17@customer.example>") == "<20260302.17@customer.example>"
    assert identifier("地" * 333) == "地" * 333
    assert identifier("地" * 334).startswith("sha256:")


def test_value_of_any_kind_can_be_kept_as_json() -> None:
    deep: dict[str, object] = {}
    for _ in range(5000):
        deep = {"more": deep}
    odd = clean_json({"deep": deep, "big": 2**80, "lone": "\ud800", "nul\x00": b"bytes", "list": [1, 2.5, None, True]})
    assert odd["big"] == str(2**80)
    assert odd["lone"] == "?"
    assert odd["list"] == [1, 2.5, None, True]
    assert set(odd) == {"deep", "big", "lone", "nul\ufffd", "list"}
