"""From a request's body to what the region is asked for: Neutron's checks in Neutron's order, driven by the tables.

Called by every handler of this folder that takes a body (29.0.0 `neutron/api/v2/base.py` prepare_request_body).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vregion.api.http import Call
from vregion.api.schemas.network.attributes import CHOSEN, REQUIRED, Attributes
from vregion.api.schemas.network.values import Wrong, bad
from vregion.model.caller import Caller
from vregion.model.refusals import MALFORMED, Forbidden, Invalid
from vregion.model.resource import Kind

_CORE = (Kind.NETWORK, Kind.SUBNET, Kind.PORT)


@dataclass(frozen=True, slots=True)
class Noun:
    """A resource as the API knows it: its words, its rows and its table. `paged`: its lists heed a limit."""

    word: str
    kind: Kind
    attributes: Attributes
    plural: str = ""
    paged: bool = True

    @property
    def collection(self) -> str:
        """The plural on the wire."""
        if self.plural:
            return self.plural
        return f"{self.word.removesuffix('y')}ies" if self.word.endswith("y") else f"{self.word}s"

    @property
    def bulk(self) -> str:
        """What a body has in place of the word when it is a list of them; Neutron knows no other plural here."""
        return f"{self.word}s"

    @property
    def core(self) -> bool:
        """Neutron has two ways to read a body: its core resources come by another one than those of extensions."""
        return self.kind in _CORE


def creations(call: Call, noun: Noun) -> tuple[list[dict[str, Any]], bool]:
    """What shall be created, and whether as a list."""
    body = _body(call, noun)
    if noun.bulk not in body:
        return [_creation(call, noun, _inner(noun.word, body))], False
    items = body[noun.bulk]
    if not items:
        raise bad("Resources required")
    if not isinstance(items, list | dict | str):
        raise bad("Body contains invalid data")
    return [_creation(call, noun, _inner(noun.word, _wrapped(noun, item))) for item in items], True


def creation(call: Call, noun: Noun) -> dict[str, Any]:
    """What shall be created, of a kind that Neutron makes one at a time."""
    wanted, bulk = creations(call, noun)
    if bulk:
        raise bad("Bulk operation not supported")
    return wanted[0]


def changes(call: Call, noun: Noun) -> dict[str, Any]:
    """What shall be changed."""
    body = _body(call, noun)
    if noun.bulk in body:
        raise bad("Bulk operation not supported")
    given = _inner(noun.word, body)
    _own(call.caller, given)
    _known(noun, given)
    for name, attribute in noun.attributes.items():
        if name in given and not attribute.put:
            raise bad(f"Cannot update read-only attribute {name}")
    wanted = _read(noun, given)
    _permit(call, noun, "update", wanted)
    return wanted


def revision(call: Call) -> int | None:
    """The revision that If-Match names. Raises Invalid."""
    found = None
    for tag in call.headers.get("if-match", "").split(","):
        text = tag.strip().removeprefix("W/").strip('"')
        if not text.startswith("revision_number="):
            continue
        if found is not None:
            raise _if_match("Multiple revision_number etags are not supported.")
        number = text.removeprefix("revision_number=")
        if not number.isdigit():
            raise _if_match("Revision number etag must be in the format of revision_number=<int>")
        found = int(number)
    return found


def no_body(call: Call) -> None:
    """A DELETE has none."""
    if call.body_bytes:
        raise bad("Request body is not supported in DELETE.")


def actor(call: Call, wanted: dict[str, Any]) -> Caller:
    """In whose name something is made: an admin may name another project."""
    project_id = wanted.pop("project_id", call.caller.project_id)
    wanted.pop("tenant_id", None)
    return replace(call.caller, project_id=project_id)


def inner(call: Call, word: str) -> dict[str, Any]:
    """What the body has under a word."""
    body = _core_body(call)
    if not isinstance(body, dict):
        raise bad("Body contains invalid data")
    return _inner(word, body)


def _if_match(message: str) -> Invalid:
    return Invalid(f"Bad if-match request: {message}.", reason="BadRequest")


def parsed(call: Call) -> Any:
    """The body of a request to an extension of Neutron's; None without one (29.0.0 `neutron/api/v2/resource.py`)."""
    try:
        return call.json() if call.body_bytes else None
    except Invalid as broken:
        words = "Malformed request body: Cannot understand JSON."
        raise Invalid(words, reason="MalformedRequestBody") from broken


def _body(call: Call, noun: Noun) -> dict[str, Any]:
    body = _core_body(call) if noun.core else _extension_body(call)
    if not isinstance(body, dict):
        raise bad("Body contains invalid data")
    return body


def _core_body(call: Call) -> Any:
    """29.0.0 `neutron/pecan_wsgi/hooks/body_validation.py`: none is as good as one without the resource.

    Bytes that are no text end before, in webob's words for a request that is wrong in no particular way.
    """
    try:
        return call.json() if call.body_bytes else {}
    except Invalid as broken:
        raise bad("Body contains invalid data" if _is_text(call.body_bytes) else MALFORMED) from broken


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _extension_body(call: Call) -> Any:
    """29.0.0 `neutron/api/v2/base.py` update, prepare_request_body. Neutron fails with 500 on a list in a PUT."""
    body = parsed(call)
    if call.request.method == "PUT" and not isinstance(body, dict):
        raise Invalid(f"Bad body request: Invalid format: {call.body_bytes!r}.", reason="BadRequest")
    if not body:
        raise bad("Resource body required")
    return body


def _wrapped(noun: Noun, item: Any) -> dict[str, Any]:
    """An item of a list may be wrapped once more, or not."""
    if isinstance(item, dict):
        return item if noun.word in item else {noun.word: item}
    if isinstance(item, list | str) and noun.word not in item:
        raise bad(f"Object '{noun.word}' contains invalid data")
    raise bad("Body contains invalid data")


def _inner(word: str, body: dict[str, Any]) -> dict[str, Any]:
    found = body.get(word)
    if found is None:
        raise bad(f"Unable to find '{word}' in request body")
    if not isinstance(found, dict):
        raise bad(f"Object '{word}' contains invalid data")
    return dict(found)


def _creation(call: Call, noun: Noun, given: dict[str, Any]) -> dict[str, Any]:
    _own(call.caller, given)
    _known(noun, given)
    given = {"tenant_id": call.project_id, "project_id": call.project_id, **given}
    for name, attribute in noun.attributes.items():
        if not attribute.post and name in given:
            raise bad(f"Attribute '{name}' not allowed in POST")
        if attribute.post and attribute.default is REQUIRED and name not in given:
            raise bad(f"Failed to parse request. Required attribute '{name}' not specified")
    wanted = _read(noun, given)
    _permit(call, noun, "create", wanted)
    return _defaults(noun.attributes) | wanted


def _defaults(attributes: Attributes) -> dict[str, Any]:
    return {name: a.default for name, a in attributes.items() if a.post and a.default not in (REQUIRED, CHOSEN)}


def _own(caller: Caller, given: dict[str, Any]) -> None:
    """Both names of the owner agree, and are the caller's own project unless he is an admin."""
    names = [name for name in ("tenant_id", "project_id") if name in given]
    if len(names) == 2 and given["tenant_id"] != given["project_id"]:
        raise bad("'project_id' and 'tenant_id' do not match")
    if names:
        given["tenant_id"] = given["project_id"] = given[names[0]]
        if given["project_id"] != caller.project_id and not caller.is_admin:
            raise bad(
                "Specifying 'project_id' other than the authenticated project in request is not allowed for the "
                "current user."
            )


def _known(noun: Noun, given: Mapping[str, Any]) -> None:
    if extra := [name for name in given if name not in noun.attributes]:
        raise bad(f"Unrecognized attribute(s) '{', '.join(extra)}'")


def _read(noun: Noun, given: Mapping[str, Any]) -> dict[str, Any]:
    """Each given value in its canonical form, in the table's order."""
    wanted = {}
    for name, attribute in noun.attributes.items():
        if name in given:
            try:
                wanted[name] = attribute.read(given[name])
            except Wrong as wrong:
                raise bad(f"Invalid input for {name}. Reason: {wrong}.") from None
    return wanted


def _permit(call: Call, noun: Noun, verb: str, wanted: dict[str, Any]) -> None:
    """Attributes with a rule of their own, which is asked of an empty value, too; of a default one where it may end
    something only (neutron 29.0.0 policy.py _is_attribute_explicitly_set).
    """
    for name, value in wanted.items():
        attribute = noun.attributes[name]
        unsaid = value == attribute.default and (verb == "create" or call.caller.is_admin)
        if not attribute.only or unsaid:
            continue
        if attribute.only not in call.caller.roles:
            rule = f"{verb}_{noun.word}"
            raise Forbidden(
                f"(rule:{rule} and rule:{rule}:{name}) is disallowed by policy", reason="PolicyNotAuthorized"
            )
