"""What the REST API takes, read from the SDK: the stand-in's yardstick for our own requests."""

from __future__ import annotations

import pytest

from hub.demo.twilio.shapes import Request, Verb, fields

ACCOUNT = "/2010-04-01/Accounts/AC1"


@pytest.mark.parametrize(
    ("method", "path", "resource", "verb"),
    [
        ("POST", f"{ACCOUNT}/Messages.json", ("Messages",), "create"),
        ("GET", f"{ACCOUNT}/Messages.json", ("Messages",), "page"),
        ("GET", f"{ACCOUNT}/Messages/SM1.json", ("Messages",), "fetch"),
        ("POST", f"{ACCOUNT}/Messages/SM1.json", ("Messages",), "update"),
        ("DELETE", f"{ACCOUNT}/Messages/SM1/Media/ME1.json", ("Messages", "Media"), "delete"),
        ("POST", f"{ACCOUNT}/Conferences/CF1/Participants.json", ("Conferences", "Participants"), "create"),
        ("POST", f"{ACCOUNT}/Conferences/CF1/Recordings/RE1.json", ("Conferences", "Recordings"), "update"),
        ("POST", f"{ACCOUNT}/Queues/QU1/Members/CA1.json", ("Queues", "Members"), "update"),
        ("GET", "/v1/Content", ("Content",), "page"),
        ("GET", "/v1/Content/HX1", ("Content",), "fetch"),
    ],
)
def test_request_is_recognised_by_its_address(method: str, path: str, resource: tuple[str, ...], verb: Verb) -> None:
    assert Request.of(method, path) == Request(resource, verb)


def test_nothing_is_said_of_what_has_no_shape() -> None:
    assert Request.of("GET", f"{ACCOUNT}/Usage/Records.json") is None


@pytest.mark.parametrize(
    ("resource", "verb", "given", "wrong"),
    [
        (("Messages",), "create", {"To": ["+1"], "Body": ["x"], "MediaUrl": ["a", "b"]}, []),
        (("Messages",), "create", {"To": ["+1"], "Txt": ["x"]}, ["Txt is not known"]),
        (("Messages",), "create", {"To": ["+1", "+2"]}, ["To is given more than once"]),
        (("Messages",), "create", {"To": ["+1"], "Attempt": ["two"]}, ["Attempt is no number: 'two'"]),
        (("Calls",), "update", {"Status": ["completed"]}, []),
        (("Calls",), "update", {"Status": ["finished"]}, ["Status is no word: 'finished'"]),
        (("Conferences", "Participants"), "update", {"Hold": ["True"]}, ["Hold is no yes/no: 'True'"]),
        (("Conferences", "Participants"), "update", {"Label": ["a"]}, ["Label is not known"]),
        (("Messages",), "page", {"DateSent>": ["2026-01-01"], "PageSize": ["5"]}, []),
        (("Messages",), "page", {"DateSent>": ["soon"], "Sent": ["x"]}, ["DateSent> is no time: 'soon'", "Sent is not known"]),
        (("Messages",), "fetch", {"Quick": ["1"]}, ["Quick is not known"]),
    ],
)  # fmt: skip
def test_field_is_refused_when_the_api_would_not_understand_it(
    resource: tuple[str, ...], verb: Verb, given: dict[str, list[str]], wrong: list[str]
) -> None:
    assert Request(resource, verb).problems(given) == wrong


@pytest.mark.parametrize(
    ("resource", "verb", "needed"),
    [
        (("Messages",), "create", ["To"]),
        (("Calls",), "create", ["From", "To"]),
        (("Conferences", "Participants"), "create", ["From", "To"]),
        (("Conferences", "Recordings"), "update", ["Status"]),
        (("Queues",), "create", ["FriendlyName"]),
        (("Queues", "Members"), "update", ["Url"]),
        (("Calls",), "update", []),
    ],
)
def test_request_is_incomplete_without_what_the_sdk_insists_on(
    resource: tuple[str, ...], verb: Verb, needed: list[str]
) -> None:
    assert sorted(Request(resource, verb).missing({})) == needed


def test_shapes_are_read_from_the_whole_resource() -> None:
    made = fields(("Conferences", "Participants"), "create")
    assert {"Label", "ConferenceRecord", "CallSidToCoach", "ConferenceStatusCallbackEvent"} <= made.keys()
    assert "Hold" not in made
    assert made["ConferenceStatusCallbackEvent"].kind == "list"
