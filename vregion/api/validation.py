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
from datetime import datetime
from typing import Any
from uuid import UUID

from jsonschema_rs import Draft202012Validator, ValidationError

from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid

NAME_WORDS = (
    "An invalid 'name' value was provided. The name must be: printable characters. "
    "Can not start or end with whitespace."
)


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
            known = (data, Draft202012Validator(data, validate_formats=True, formats=FORMATS))
            self._known[version] = known
        data, validator = known
        if not validator.is_valid(instance):
            raise Invalid(self._words(next(iter(validator.iter_errors(instance))), data))

    def _words(self, error: ValidationError, data: Any) -> str:
        if error.kind.name == "format" and error.kind.value == "name":
            return NAME_WORDS
        if error.kind.name == "additionalProperties":
            words = _unexpected(error, _part(data, error.schema_path[:-1]))
        else:
            words = _WORDS[error.kind.name](error) if error.kind.name in _WORDS else str(error.message)
        if not error.instance_path:
            return words
        where = error.instance_path[self._at]
        return f"Invalid input for {self._noun} {where}. Value: {error.instance}. {words}"


def _part(data: Any, path: list[str | int]) -> dict[str, Any]:
    """The part of a schema that a path leads to."""
    for step in path:
        data = data[step]
    found: dict[str, Any] = data
    return found


def _unexpected(error: ValidationError, part: dict[str, Any]) -> str:
    """Names that only had to match a pattern are said to match none."""
    names, one = ", ".join(repr(name) for name in sorted(error.kind.value)), len(error.kind.value) == 1
    if patterns := part.get("patternProperties"):
        known = ", ".join(repr(pattern) for pattern in sorted(patterns))
        return f"{names} {'does' if one else 'do'} not match any of the regexes: {known}"
    return f"Additional properties are not allowed ({names} {'was' if one else 'were'} unexpected)"


def _short(error: ValidationError) -> str:
    return f"{error.instance!r} {'should be non-empty' if error.kind.value == 1 else 'is too short'}"


_WORDS: dict[str, Callable[[ValidationError], str]] = {
    "anyOf": lambda e: f"{e.instance!r} is not valid under any of the given schemas",
    "enum": lambda e: f"{e.instance!r} is not one of {e.kind.value!r}",
    "format": lambda e: f"{e.instance!r} is not a {e.kind.value!r}",
    "maxItems": lambda e: f"{e.instance!r} is too long",
    "maxLength": lambda e: f"{e.instance!r} is too long",
    "maximum": lambda e: f"{e.instance!r} is greater than the maximum of {e.kind.value!r}",
    "minItems": _short,
    "minLength": _short,
    "minProperties": lambda e: f"{e.instance!r} should be non-empty",
    "minimum": lambda e: f"{e.instance!r} is less than the minimum of {e.kind.value!r}",
    "oneOf": lambda e: f"{e.instance!r} is not valid under any of the given schemas",
    "pattern": lambda e: f"{e.instance!r} does not match {e.kind.value!r}",
    "required": lambda e: f"{e.kind.value!r} is a required property",
    "type": lambda e: f"{e.instance!r} is not of type {', '.join(repr(name) for name in e.kind.value)}",
    "uniqueItems": lambda e: f"{e.instance!r} has non-unique elements",
}


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, binascii.Error, re.error):
            return False
        return True

    return check


def printable(text: str, *, trimmed: bool = True) -> bool:
    """Nova's names: no control characters, no line separators; `trimmed`: no space at either end."""
    kinds = [unicodedata.category(character) for character in text]
    if any(kind[0] == "C" or kind in ("Zl", "Zp") for kind in kinds):
        return False
    return not (trimmed and kinds and "Zs" in (kinds[0], kinds[-1]))


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
    "name": printable,
    "printable": lambda text: printable(text, trimmed=False),
    "regex": _parses(_regex),
    "uuid": _parses(_uuid),
}
