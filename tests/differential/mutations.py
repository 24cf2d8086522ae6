"""Requests, right and wrong: those of requests.yaml, each with up to three things about it changed by hypothesis.

Values keep the $WORDS of requests.yaml; `sides.py` puts in each side's own ids.
"""

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

FILE = yaml.safe_load(Path(__file__).with_name("requests.yaml").read_text())
FURNITURE: dict[str, dict[str, Any]] = FILE["furniture"]
SERVICES = ("COMPUTE", "VOLUME", "NETWORK", "IMAGE")
MICROVERSIONS = {"COMPUTE": ("compute", 2, 1, 96), "VOLUME": ("volume", 3, 0, 71)}
ABSENT = object()
UNICODE = st.text(st.characters(codec="utf-8", exclude_characters="$"), max_size=12)
STRINGS = (
    *(
        "",
        " ",
        " a ",
        "a" * 255,
        "a" * 256,
        "a" * 70000,
        "none",
        "None",
        "null",
        "true",
        "False",
        "yes",
        "0",
        "1",
        "-1",
    ),
    *("ä☃", "a/b", "a,b", "%41", "a\n", "a\nb", "a\tb", "<b>", "'", '"', "\\", "$NOTHING", "$NOTHING-x", "default"),
    *("10.77.0.9", "10.77.0.256", "10.78.0.0/24", "10.78.0.1/33", "10.78.0.5/24", "fd00::1", "fd00::/64", "0.0.0.0/0"),
    *("::/0", "fa:16:3e:00:00:02", "fa:16", "2026-01-01", "2026-01-01T00:00:00Z", "yesterday", "asc", "name", "id"),
)
ODD = st.one_of(
    st.sampled_from(STRINGS),
    st.sampled_from((None, True, False, 0, 1, -1, 2, 65535, 65536, 2**31 - 1, 2**31, 2**63, 1.5, [], {}, [[]], [{}])),
    st.sampled_from(([""], ["a"], ["a", "a"], [None], [1], {"": ""}, {"a": "b"}, {"a": None}, {"a" * 256: "b"})),
    UNICODE,
    st.integers(),
).map(copy.deepcopy)
TEXTS: dict[str, Callable[[str], bool]] = {  # the first that it is
    "beyond 16 bits": lambda text: any(ord(one) > 0xFFFF for one in text),
    "beyond 65535 characters": lambda text: len(text) > 65535,
    "beyond 255 characters": lambda text: len(text) > 255,
    "with controls": lambda text: any(ord(one) < 32 or ord(one) == 127 for one in text),
    "beyond 7 bits": lambda text: not text.isascii(),
    "of digits": str.isdecimal,
    "of nothing": lambda text: not text.strip(),
}
Path_ = tuple[Any, ...]


@dataclass(frozen=True)
class Asked:
    """One request. `body` is ABSENT without one, bytes when it is no JSON; `query` is a list of pairs."""

    operation: str  # as requests.yaml has it, with its service
    method: str
    service: str
    path: str
    body: Any = ABSENT
    query: tuple[tuple[str, Any], ...] = ()
    microversion: str = ""
    changed: tuple[str, ...] = field(default=(), compare=False)

    @property
    def key(self) -> str:
        """The same for the same request, whatever was changed to come to it."""
        return repr((self.operation, self.path, self.body, self.query, self.microversion))

    @property
    def cause(self) -> str:
        """What was changed about it, in words: the places, and the sort of value that each has now."""
        told = [one for one in self.changed if one != "as it is"]
        if self.microversion and not re.fullmatch(r"\w+ \d+\.\d+", self.microversion):
            told.append(f"version {self.microversion!r}")
        return "; ".join(told) or "as it is"


def operations() -> list[str]:
    """Every operation of requests.yaml, as 'SERVICE METHOD path'."""
    return [f"{service} {words}" for service in SERVICES for words in FILE[service]]


def furniture(among: list[str]) -> list[str]:
    """The words of the furniture that these operations need, in the order of their making."""
    text = json.dumps([[one, FILE[one.split(" ")[0]][one.split(" ", 1)[1]]] for one in among])
    needed: list[str] = []
    for word, how in reversed(FURNITURE.items()):
        if re.search(rf"\${word}\b", text):
            needed.insert(0, word)
            text += json.dumps(how.get("body"))
    return needed


def newest(service: str) -> str:
    """The header of the newest version that both sides have; empty for a service that has no versions."""
    name, major, _, high = MICROVERSIONS.get(service, ("", 0, 0, 0))
    return f"{name} {major}.{high}" if name else ""


@st.composite
def requests(draw: st.DrawFn, among: list[str]) -> Asked:
    """One of these operations, changed at random."""
    operation = draw(st.sampled_from(among))
    service, method, path = operation.split(" ")
    given = FILE[service][f"{method} {path}"]
    microversion = draw(_microversions(service))
    if method in ("GET", "DELETE"):
        query, changed = draw(_queries(given))
        path, changed = draw(_paths(path, changed))
        return Asked(operation, method, service, path, query=query, microversion=microversion, changed=changed)
    bodies = given if isinstance(given, list) and not (method == "PATCH" and isinstance(given[0], dict)) else [given]
    body = copy.deepcopy(draw(st.sampled_from(bodies)))
    changed = ()
    for _ in range(draw(st.sampled_from((0, 1, 1, 1, 1, 2, 3)))):
        body, what = draw(_bodies(body))
        changed += (what,)
    if draw(st.integers(0, 30)) == 7:
        body = draw(st.sampled_from((b"", b"{", b"[]", b"null", b'"a"', b"\xff", ABSENT)))
        changed = ("no body",) if body is ABSENT else (f"bytes {body!r}",)
    path, changed = draw(_paths(path, changed))
    return Asked(operation, method, service, path, body, microversion=microversion, changed=changed)


@st.composite
def _microversions(draw: st.DrawFn, service: str) -> str:
    """Mostly one that there is."""
    if service not in MICROVERSIONS:
        return ""
    name, major, low, high = MICROVERSIONS[service]
    odd = st.sampled_from(("", f"{name} latest", f"{name} {major}.999", f"{name} 1.1", f"{name} x", "other 2.1", name))
    minor = st.one_of(st.just(high), st.integers(low, high))
    if draw(st.integers(0, 19)) == 7:
        return draw(odd)
    return f"{name} {major}.{draw(minor)}"


@st.composite
def _queries(draw: st.DrawFn, given: dict[str, Any]) -> tuple[tuple[tuple[str, Any], ...], tuple[str, ...]]:
    """Some of the parameters, some with another value, an unknown one, one twice."""
    keys = draw(st.lists(st.sampled_from(sorted(given)), max_size=2, unique=True)) if given else []
    pairs = [(key, given[key]) for key in keys]
    changed: tuple[str, ...] = ()
    how = draw(st.integers(0, 6))
    if how == 0:
        pairs.append((draw(st.sampled_from(("unknown", "fields", "limit", "marker", "sort_key"))), "nope"))
        changed = (f"one more parameter {pairs[-1][0]}",)
    elif how <= 4 and pairs:
        value = draw(st.one_of(st.sampled_from(STRINGS), UNICODE, st.integers()))
        pairs[0] = (pairs[0][0], value)
        changed = (f"{pairs[0][0]}: {kind(value)} {value!r:.40}",)
    elif how == 5 and pairs:
        pairs.append(pairs[0])
        changed = (f"{pairs[0][0]} twice",)
    return tuple(pairs), changed


@st.composite
def _paths(draw: st.DrawFn, path: str, changed: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Now and then an id that is nobody's."""
    parts = path.split("/")
    ids = [index for index, part in enumerate(parts) if part.startswith("$")]
    if not ids or draw(st.integers(0, 11)) != 7:
        return path, changed
    parts[draw(st.sampled_from(ids))] = other = draw(st.sampled_from(("$NOTHING", "nope", "1", "a" * 300, "ä")))
    return "/".join(parts), (*changed, f"the id is {other:.10}")


@st.composite
def _bodies(draw: st.DrawFn, body: Any) -> tuple[Any, str]:
    """One place in a body changed."""
    where = draw(st.sampled_from(list(_places(body))))
    how = draw(st.sampled_from(("value", "value", "value", "value", "without", "more", "twice", "other key")))
    if not where:
        if how != "without":
            return body, "as it is"
        body = draw(ODD)
        return body, f"another body: {kind(body)} {body!r:.40}"
    holder = _at(body, where[:-1])
    told = ".".join(map(str, where))
    if how == "value":
        holder[where[-1]] = value = draw(ODD)
        return body, f"{told}: {kind(value)} {value!r:.40}"
    if how == "without":
        del holder[where[-1]]
        return body, f"no {told}"
    if isinstance(holder, list):
        holder.append(copy.deepcopy(holder[where[-1]]))
        return body, f"{told} twice"
    key = draw(st.sampled_from(("unknown", "id", "status", "tenant_id", "project_id", "name", "size", "a" * 256, "")))
    if how == "other key":
        holder[key] = holder.pop(where[-1])
        return body, f"{told} is {key:.20}"
    holder[key] = value = draw(ODD)
    return body, f"{key:.20} beside {told}: {kind(value)} {value!r:.40}"


def kind(value: Any) -> str:
    """What sort of value it is, as known.yaml asks for it."""
    if isinstance(value, str):
        return next((f"text {sort}" for sort, is_one in TEXTS.items() if is_one(value)), "text")
    if isinstance(value, list | dict):
        name = "list" if isinstance(value, list) else "object"
        return f"{name} of {kind(next(iter(value)))}" if value else f"empty {name}"
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, float):
        return "fraction"
    return "number" + next((f" beyond {bits} bits" for bits in (64, 63, 48, 31) if value.bit_length() > bits), "")


def _places(value: Any, at: Path_ = ()) -> "list[Path_]":
    """The path of every value in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, item in inner for place in _places(item, (*at, key)))]


def _at(value: Any, where: Path_) -> Any:
    for key in where:
        value = value[key]
    return value
