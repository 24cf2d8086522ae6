"""JSON Schema at a microversion, and what is wrong with a body in the words of the real services.

Each handler that takes a body checks it with a `Schema`, whose data lies in `vregion.api.schemas`. Nova and Cinder
word a violation alike (nova 34.0.0 `nova/api/validation/validators.py`, which shows what the Python package jsonschema
says); the words are made here from the kind of the violation. Nothing here knows a resource.
"""

import base64
import binascii
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache, partial
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from jsonschema_rs import Draft202012Validator, ValidationError

from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid

if TYPE_CHECKING:
    from jsonschema_rs import KeywordValidator

NAME_WORDS = (
    "An invalid 'name' value was provided. The name must be: printable characters. "
    "Can not start or end with whitespace."
)
_MOST_ERRORS = 100
_BEYOND = 0xFFFF
_LONGEST_NAME = 255


class Since:
    """A part of a schema that changes with the microversion: (first version, what holds from there; None: absent)."""

    def __init__(self, *steps: tuple[str, Any]) -> None:
        self._steps = [(Microversion(*map(int, version.split("."))), part) for version, part in steps]

    def at(self, version: Microversion) -> Any:
        """What holds at that version."""
        return next((part for first, part in reversed(self._steps) if first <= version), None)


def _resolved(part: Any, version: Microversion) -> Any:
    if isinstance(part, Since):
        return _resolved(part.at(version), version)
    if isinstance(part, dict):
        found = {key: _resolved(value, version) for key, value in part.items()}
        gone = {key for key, value in part.items() if isinstance(value, Since) and found[key] is None}
        return {key: value for key, value in found.items() if key not in gone}
    return [_resolved(item, version) for item in part] if isinstance(part, list) else part


class Schema:
    """One request's schema over all microversions. `query`: it describes a query string, name -> list of values."""

    def __init__(self, data: Mapping[str, Any], *, query: bool = False) -> None:
        self._data = dict(data)
        self._noun = "query parameters" if query else "field/attribute"
        self._at = 0 if query else -1
        self._known: dict[Microversion, tuple[dict[str, Any], Draft202012Validator]] = {}

    def check(self, instance: Any, version: Microversion) -> None:
        """Raises Invalid in Nova's words for the first violation."""
        known = self._known.get(version)
        if known is None:
            data = _resolved(self._data, version)
            known = (data, Draft202012Validator(data, validate_formats=True, formats=FORMATS, keywords=_BOUNDS))
            self._known[version] = known
        data, validator = known
        if not validator.is_valid(instance):
            errors = islice(validator.iter_errors(instance), _MOST_ERRORS)
            error = self._told(sorted(errors, key=lambda one: _order(data, one.schema_path)), instance)
            path = path_of(error, instance)
            raise Invalid(self._place(error, path, part_of(instance, path)) + self._words(error, data, instance))

    def _told(self, errors: list[ValidationError], instance: Any) -> ValidationError:
        """Of those that there are, as the rules stand in the schema, the one that is told."""
        return errors[0]

    def _place(self, error: ValidationError, path: list[str | int], value: Any) -> str:
        if not path or (error.kind.name == "format" and error.kind.value == "name"):
            return ""
        return f"Invalid input for {self._noun} {path[self._at]}. Value: {value}. "

    def _words(self, error: ValidationError, data: Any, instance: Any) -> str:
        """The value as the client wrote it, and the schema as we did: the error itself has both sorted."""
        if error.kind.name == "format" and error.kind.value == "name":
            return NAME_WORDS
        if error.kind.name == "additionalProperties":
            return _unexpected(error, part_of(data, error.schema_path[:-1]))
        if error.kind.name == "required":
            return f"{error.kind.value!r} is a required property"
        value, rule = part_of(instance, path_of(error, instance)), part_of(data, error.schema_path)
        return _WORDS[error.kind.name](value, rule) if error.kind.name in _WORDS else str(error.message)


def _order(data: Any, path: list[str | int]) -> list[int]:
    """Where a rule stands in its schema."""
    places = []
    for step in path:
        places.append(step if isinstance(step, int) else list(data).index(step))
        data = data[step]
    return places


def path_of(error: ValidationError, instance: Any) -> list[str | int]:
    """Where in the instance the violation is: the error's own path leaves out the names that are empty."""
    found: list[str | int] = []
    value = instance
    for step in error.instance_path:
        while isinstance(value, dict) and step not in value:
            found, value = [*found, ""], value[""]
        found, value = [*found, step], value[step]
    lost = isinstance(value, dict) and "" in value and value != error.instance
    return [*found, ""] if lost else found


def part_of(document: Any, path: list[str | int]) -> Any:
    """The part of a document that a path leads to."""
    for step in path:
        document = document[step]
    return document


def _unexpected(error: ValidationError, part: dict[str, Any]) -> str:
    """Names that only had to match a pattern are said to match none."""
    names, one = ", ".join(repr(name) for name in sorted(error.kind.value)), len(error.kind.value) == 1
    if patterns := part.get("patternProperties"):
        known = ", ".join(repr(pattern) for pattern in sorted(patterns))
        return f"{names} {'does' if one else 'do'} not match any of the regexes: {known}"
    return f"Additional properties are not allowed ({names} {'was' if one else 'were'} unexpected)"


def _short(value: Any, least: int) -> str:
    return f"{value!r} {'should be non-empty' if least == 1 else 'is too short'}"


def _format(value: Any, rule: str) -> str:
    return f"{value!r} does not match {_printables()!r}" if rule == "printable" else f"{value!r} is not a {rule!r}"


@cache
def _printables() -> str:
    """What is `printable`, as Nova's regular expression tells it: every run of such characters."""
    runs = [
        "".join(run) for fits, run in groupby(map(chr, range(_BEYOND)), lambda c: printable(c, trimmed=False)) if fits
    ]
    told = (re.escape(run[0]) + (f"-{re.escape(run[-1])}" if len(run) > 1 else "") for run in runs)
    return f"^[{''.join(told)}]*$"


def _type(value: Any, names: str | list[str]) -> str:
    return f"{value!r} is not of type {', '.join(map(repr, [names] if isinstance(names, str) else names))}"


_WORDS: dict[str, Callable[[Any, Any], str]] = {
    "anyOf": lambda value, rule: f"{value!r} is not valid under any of the given schemas",
    "enum": lambda value, rule: f"{value!r} is not one of {rule!r}",
    "format": _format,
    "maxItems": lambda value, rule: f"{value!r} is too long",
    "maxLength": lambda value, rule: f"{value!r} is too long",
    "maxProperties": lambda value, rule: f"{value!r} has too many properties",
    "maximum": lambda value, rule: f"{_number(value)!r} is greater than the maximum of {rule!r}",
    "minItems": _short,
    "minLength": _short,
    "minProperties": lambda value, rule: f"{value!r} should be non-empty",
    "minimum": lambda value, rule: f"{_number(value)!r} is less than the minimum of {rule!r}",
    "oneOf": lambda value, rule: f"{value!r} is not valid under any of the given schemas",
    "pattern": lambda value, rule: f"{value!r} does not match {rule!r}",
    "type": _type,
    "uniqueItems": lambda value, rule: f"{value!r} has non-unique elements",
}


def _number(value: Any) -> int | float | None:
    """A text counts by what it says (nova 34.0.0 `api/validation/validators.py` _number_from_str)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    for kind in (int, float):  # a text that is too long for the one is infinite for the other
        with suppress(ValueError):
            return kind(value) if isinstance(value, str) else None
    return None


class _Bound:
    """`minimum`, or with the sign turned `maximum`: of numbers, and of texts that say one."""

    sign = 1

    def __init__(self, parent: Mapping[str, Any], rule: float, path: list[str | int]) -> None:
        self._rule = rule

    def validate(self, instance: Any) -> None:
        """Raises ValueError."""
        number = _number(instance)
        if number is not None and self.sign * number < self.sign * self._rule:
            raise ValueError(instance)


class _Most(_Bound):
    sign = -1


_BOUNDS: "dict[str, type[KeywordValidator]]" = {"minimum": _Bound, "maximum": _Most}


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, binascii.Error, re.error):
            return False
        return True

    return check


def printable(text: str, *, trimmed: bool = True) -> bool:
    """Nova's names: no control characters, no line separators; `trimmed`: no space at either end.

    Nothing beyond 16 bits either (nova 34.0.0 and cinder 29.0.0 `api/validation/parameter_types.py` _get_all_chars).
    """
    if any(ord(character) >= _BEYOND for character in text):
        return False
    kinds = [unicodedata.category(character) for character in text]
    if any(kind[0] == "C" or kind in ("Zl", "Zp") for kind in kinds):
        return False
    return not (trimmed and kinds and "Zs" in (kinds[0], kinds[-1]))


def _line(text: str, *, trimmed: bool) -> bool:
    """... and a line's end behind it, which the `$` of their expressions passes over."""
    return printable(text.removesuffix("\n"), trimmed=trimmed)


def _uuid(text: str) -> None:
    """oslo.utils takes any spelling that means the same UUID."""
    if str(UUID(text)).replace("-", "") != re.sub(r"urn:|uuid:|[{}-]", "", text.lower()):
        raise ValueError(text)


def _regex(text: str) -> None:
    if not text:
        raise ValueError(text)
    re.compile(text)


FORMATS: dict[str, Callable[[str], bool]] = {
    "base64": _parses(lambda text: base64.decodebytes(text.encode())),
    "cidr": _parses(lambda text: ipaddress.ip_interface(text if "/" in text and " " not in text else "-")),
    "date-time": _parses(datetime.fromisoformat),
    "ipv4": _parses(ipaddress.IPv4Address),
    "ipv6": _parses(ipaddress.IPv6Address),
    "name": partial(_line, trimmed=True),
    "printable": partial(_line, trimmed=False),
    "regex": _parses(_regex),
    "spaced_name": lambda text: 0 < len(text.strip()) <= _LONGEST_NAME,  # Cinder's name_skip_leading_trailing_spaces
    "uuid": _parses(_uuid),
}
