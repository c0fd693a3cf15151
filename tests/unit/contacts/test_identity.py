"""Telephone numbers as gateways write them."""

from __future__ import annotations

import pytest

from hub.contacts.identity import as_dialled


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("+447700900123", None, "+447700900123"),
        ("447700900123", None, "+447700900123"),
        ("00447700900123", None, "+447700900123"),
        ("07700 900123", "GB", "+447700900123"),
        ("447700900123", "GB", "+447700900123"),
        ("00447700900123", "GB", "+447700900123"),
        ("4915112345678", "GB", "+4915112345678"),  # somebody abroad
        ("13800138000", "CN", "+8613800138000"),
        ("13800138000", None, "+13800138000"),  # without a country, the 1 is America's
        ("(415) 555-0123", "US", "+14155550123"),
        ("0912-345-678", "TW", "+886912345678"),
        ("72404", "US", "72404"),
        ("72404", None, "72404"),
        ("LumenOak", "GB", "LumenOak"),
        ("٠٧٧٠٠٩٠٠١٢٣", "GB", "٠٧٧٠٠٩٠٠١٢٣"),
        ("", "GB", ""),
    ],
)
def test_sender_is_read_as_its_country_writes_it(written: str, region: str | None, number: str) -> None:
    assert as_dialled(written, region) == number
