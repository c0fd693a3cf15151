"""Public addresses, with a path before ours or without, and what cannot be one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.urls import authority, below, listening, prefix_of, public

SEGMENT = st.text("abcXYZ019-_~", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("https://hub.example.com", "https://hub.example.com"),
        ("https://hub.example.com/", "https://hub.example.com"),
        ("https://Example.com/hub/", "https://example.com/hub"),
        ("https://example.com//a///b/", "https://example.com/a/b"),
        ("http://[::1]:8080/hub", "http://[::1]:8080/hub"),
    ],
)
def test_a_public_address_has_one_form(given_: str, kept: str) -> None:
    assert public(given_) == kept


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("hub.example.com", "full address"),
        ("ftp://hub.example.com", "full address"),
        ("https://", "full address"),
        ("https://eva:secret@hub.example.com", "no user name"),
        ("https://hub.example.com/?a=1", "no \\?"),
        ("https://hub.example.com/#a", "no \\?"),
        ("https://hub.example.com/a/../b", "path of letters"),
        ("https://hub.example.com/a b", "path of letters"),
        ("https://hub.example.com/<script>", "path of letters"),
        ("https://hub.example.com/%2e%2e", "path of letters"),
        ("https://hub.example.com:port", "(?i)port"),
    ],
)
def test_what_cannot_be_a_public_address_is_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        public(url)


@given(st.lists(SEGMENT, max_size=3), st.lists(SEGMENT, max_size=4))
def test_a_path_means_the_same_with_the_prefix_and_without(prefix: list[str], rest: list[str]) -> None:
    url = public("https://example.com/" + "/".join(prefix))
    path = "/" + "/".join(["api", *rest])
    assert below(prefix_of(url), prefix_of(url) + path) == path
    if prefix[:1] != ["api"]:
        assert below(prefix_of(url), path) == path


def test_only_a_whole_prefix_is_one() -> None:
    assert below("/hub", "/hubs/app") == "/hubs/app"
    assert below("/hub", "/hub") == "/"
    assert below("/hub", "/hub?a=1") == "/?a=1"
    assert below("", "/hub") == "/hub"


def test_an_ipv6_host_stands_in_brackets() -> None:
    assert (authority("::1", 8080), authority("127.0.0.1", 80)) == ("[::1]:8080", "127.0.0.1:80")
    assert (listening("[::1]"), listening("::"), listening(" hub.example.com ")) == ("::1", "::", "hub.example.com")


@pytest.mark.parametrize("host", ["", "localhost:8080", "http://localhost", "eva@host", "10.0.0.0/8"])
def test_what_cannot_be_listened_on_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"must be a host|is empty"):
        listening(host)
