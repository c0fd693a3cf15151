"""What is wrong with one field of an input: a code with the params its words need, and the English of it.

Whoever validates with pydantic reads its errors by `named`, so that no reader meets a regular expression or the words
of a library: screens word `field.CODE` of their catalogue (`hub/ui/locales/fields.*.json`), a text of a certain form
`field.format.FORM`. Our own models name the form of a text with `form`, and refuse with `refuse`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from hub.core.texts import filled

Place = tuple[int | str, ...]
_OWN = "field."  # what our own errors are called among pydantic's

ENGLISH = {
    "missing": "is needed",
    "empty": "must not be empty",
    "unknown": "is not known",
    "json": "is not valid JSON",
    "at_least": "must be at least {min}",
    "more_than": "must be more than {min}",
    "at_most": "must be at most {max}",
    "less_than": "must be less than {max}",
    "too_short": "must have at least {min:character}",
    "too_long": "must have at most {max:character}",
    "too_few": "must have at least {min:entry/entries}",
    "too_many": "must have at most {max:entry/entries}",
    "format": "does not have the form that is needed: {form}",
    "choice": "must be one of: {choices}",
    "integer": "must be a whole number",
    "number": "must be a number",
    "boolean": "must be true or false",
    "text": "must be a text",
    "url": "must be a web address that begins with https:// or http://",
    "list": "must be a list",
    "object": "must be an object",
    "moment": "must be a date and time with its offset, such as 2026-01-31T09:00:00Z",
    "date": "must be a date, such as 2026-01-31",
    "taken": "{value!r} is taken",
    "address_taken": "belongs to {name!r} ({key})",
    "email": "is not an e-mail address",
    "server_address": "is not host:port, such as 127.0.0.1:2525",
    "form_sender": "{given} is neither an address nor an @domain, such as forms@example.com or @example.com",
    "needed_with": "is needed with {other}",
    "needs": "needs {other}",
    "country": "is no country in two capital letters, such as GB",
    "origin": "is not a web origin such as https://www.example.com",
    "short_secret": "must have at least {min:byte}, such as `openssl rand -base64 48` makes",
    "place": "{name}: there is no place {place}; there are {choices}",
    "no_text": "no field holds {{text}}",
    "get_query": 'a GET carries its fields in the query: format = "query"',
    "holiday": "name either a date (with `open`, its hours) or a country (with `subdivision`, a part)",
    "holiday_hours": "a country's holidays have no hours of their own; name the date that has",
    "token_url": "is needed for a provider that is neither google nor microsoft",
    "timezone": "is not a time zone such as Europe/Berlin",
    "permission": "is no permission",
    "reaches_all": "reaches everything: must be all",
    "reaches_farther": "must not reach farther than conversation.read",
}

# Texts of a certain form, by its name. Who reads English reads these; screens have their own.
FORMS = {
    "account_sid": "AC and 32 hexadecimal digits",
    "after_fetch": "seen, leave, delete or move:FOLDER",
    "application_sid": "AP and 32 hexadecimal digits",
    "calling_code": "up to 4 digits",
    "clock": "a time of day such as 09:30",
    "content_sid": "HX and 32 hexadecimal digits",
    "country": "two capital letters, such as GB",
    "currency": "three capital letters, such as EUR",
    "cursor": "a cursor as it came",
    "dial_prefix": "+ and up to 10 digits",
    "email": "an e-mail address",
    "field_path": "names with dots between them",
    "first_run": "new, all or days:N",
    "header": "letters, digits and hyphens",
    "host": "the name or address of a server",
    "id": "letters, digits and . _ : -",
    "key": "small letters, digits, - and _, a letter first",
    "key_sid": "SK and 32 hexadecimal digits",
    "keypad": "0-9, *, # and w for a pause",
    "keypad_key": "one of 0-9, * and #",
    "language": "a language such as en or zh-CN",
    "language_code": "two or three small letters, such as ru",
    "secret_name": "small letters and _",
    "selector": "letters, digits, dots and hyphens",
    "service_sid": "MG and 32 hexadecimal digits",
    "slug": "small letters, digits, - and _",
    "tenant": "letters, digits, dots and hyphens",
    "topic": "a topic such as c:17",
    "url": "a web address that begins with https:// or http://",
}
_form_of: dict[str, str] = {}  # by pattern


class FieldError(str):
    """The English of what is wrong, with the code and the params from which screens word it."""

    __slots__ = ("code", "params")
    code: str
    params: dict[str, Any]

    def __new__(cls, code: str, message: str, params: dict[str, Any] | None = None) -> FieldError:
        """A sentence's end, as in `name: must not be empty`."""
        made = super().__new__(cls, message)
        made.code = code
        made.params = params or {}
        return made


def wrong(code: str, **params: Any) -> FieldError:
    """One of these; a `KeyError` when there are no words for it."""
    return FieldError(code, filled(ENGLISH[code], params), params)


def refuse(code: str, **params: Any) -> PydanticCustomError:
    """The same, to be raised by a validator."""
    return raised(wrong(code, **params))


def form(name: str, pattern: str) -> str:
    """The pattern of a field whose form has a name; a `KeyError` when there are no words for it."""
    FORMS[name]
    if _form_of.setdefault(pattern, name) != name:
        raise KeyError(f"The form {_form_of[pattern]!r} has the same pattern as {name!r}: write one of them otherwise.")
    return pattern


def named(error: ValidationError) -> Iterator[tuple[Place, FieldError]]:
    """Each place that is wrong, with what is; never what was given there, which may be a secret."""
    for one in error.errors(include_url=False, include_input=False):
        yield one["loc"], _of(one)


def dotted(place: Place) -> str:
    """A place as the API names it: `hours.0.start`."""
    return ".".join(map(str, place))


def gathered(title: str, found: list[tuple[Place, FieldError]]) -> ValidationError:
    """An error of these, for a validator that gathers what several found."""
    details = [InitErrorDetails(type=raised(what), loc=place, input=None) for place, what in found]
    return ValidationError.from_exception_data(title, details)


def raised(what: FieldError) -> PydanticCustomError:
    """An error of pydantic's that `named` reads back as it was."""
    name: Any = f"{_OWN}{what.code}"  # pydantic asks for a literal; ours are looked up in ENGLISH
    return PydanticCustomError(name, "{message}", {"message": str(what), "params": what.params})


_LIMITS = {  # ours, and the bound as pydantic names it, by its code
    "greater_than_equal": ("at_least", "min", "ge"),
    "greater_than": ("more_than", "min", "gt"),
    "less_than_equal": ("at_most", "max", "le"),
    "less_than": ("less_than", "max", "lt"),
    "string_too_short": ("too_short", "min", "min_length"),
    "string_too_long": ("too_long", "max", "max_length"),
    "too_short": ("too_few", "min", "min_length"),
    "too_long": ("too_many", "max", "max_length"),
}
_PLAIN = {"missing": "missing", "extra_forbidden": "unknown", "json_invalid": "json", "finite_number": "number"}
_SORTS = {  # by how pydantic's code begins
    "int": "integer", "float": "number", "decimal": "number", "bool": "boolean", "string": "text", "list": "list",
    "tuple": "list", "set": "list", "dict": "object", "model": "object", "datetime": "moment", "date": "date",
    "timezone": "moment", "url": "url",
}  # fmt: skip


def _of(one: ErrorDetails) -> FieldError:
    kind, context = one["type"], one.get("ctx", {})
    if kind.startswith(_OWN):
        return FieldError(kind.removeprefix(_OWN), context["message"], context["params"])
    if kind in _LIMITS:
        code, name, theirs = _LIMITS[kind]
        bound = context[theirs]
        return wrong("empty") if code == "too_short" and bound == 1 else wrong(code, **{name: bound})
    if kind == "string_pattern_mismatch":
        return _formed(context["pattern"])
    if kind in {"literal_error", "enum"}:
        return wrong("choice", choices=str(context["expected"]).replace("'", ""))
    if kind in _PLAIN:
        return wrong(_PLAIN[kind])
    if (sort := _SORTS.get(kind.split("_")[0])) is not None:
        return wrong(sort)
    return FieldError("other", one["msg"].removeprefix("Value error, "))


def _formed(pattern: str) -> FieldError:
    name = _form_of.get(pattern)  # a connector of somebody else's may name none
    if name is None:
        return FieldError("format", "does not have the form that is needed", {"form": ""})
    return FieldError("format", ENGLISH["format"].format(form=FORMS[name]), {"form": name})
