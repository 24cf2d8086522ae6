"""Refusals in Neutron's body, with the type names that Neutron gives to what no resource raised itself."""

from typing import Any

from vregion.api import faults
from vregion.model.refusals import MALFORMED, Refusal

# Generic kinds of ours, and the webob classes that Neutron names in their place.
_TYPES = {
    ("NotFound", 404): "HTTPNotFound",
    ("BadRequest", 404): "HTTPNotFound",
    ("BadRequest", 403): "PolicyNotAuthorized",
    ("BadRequest", 501): "HTTPNotImplemented",
    ("RequestTooLarge", 413): "HTTPRequestEntityTooLarge",
    ("NotImplemented", 501): "HTTPNotImplemented",
    ("ServiceUnavailable", 503): "HTTPServiceUnavailable",
}
NO_EXTENSION = "NoExtension"  # the one refusal that Neutron leaves to webob (29.0.0 `neutron/api/extensions.py`)


def fault(refusal: Refusal, accept: str) -> tuple[Any, str]:
    """The body of a refusal."""
    kind, message = refusal.kind, refusal.message
    if kind == NO_EXTENSION:
        return faults.page(Refusal("The resource could not be found.", status=refusal.code), accept, message)
    if refusal.code == 405:
        kind, message = "HTTPMethodNotAllowed", MALFORMED
    if kind == "PolicyNotAuthorized" and message.startswith("Policy doesn't allow "):
        message = f"rule:{message.split()[3]} is disallowed by policy"
    kind = _TYPES.get((kind, refusal.code), kind)
    return faults.network(Refusal(message, reason=kind, status=refusal.code), accept)
