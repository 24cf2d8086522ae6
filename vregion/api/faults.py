"""Refusals as each service words them. The bodies are the real services' (their fault wrappers are the source).

nova 34.0.0 `nova/api/openstack/wsgi.py` Fault; cinder 29.0.0 `cinder/api/openstack/wsgi.py` Fault; neutron 29.0.0
`neutron/api/v2/resource.py`; glance 33.0.0 answers webob's text, which clients see as JSON only when they ask for it.
"""

from collections.abc import Callable
from html import escape
from typing import Any

from vregion.model.refusals import OverQuota, Refusal

Fault = Callable[[Refusal, str], tuple[Any, str]]  # (refusal, Accept header) -> (body, content type)

_COMPUTE_WORDS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    409: "Conflict",
    410: "Gone",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    416: "Request Range Not Satisfiable",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}


def compute(refusal: Refusal, accept: str) -> tuple[Any, str]:
    """Nova's: one key that names the class of the code."""
    word = _COMPUTE_WORDS.get(refusal.code, "computeFault")
    return {word: {"code": refusal.code, "message": refusal.message}}, "application/json"


def block_storage(refusal: Refusal, accept: str) -> tuple[Any, str]:
    """Nova's form. What is over a quota may be asked for again at once (cinder 29.0.0 `exception.py` QuotaError)."""
    body, content_type = compute(refusal, accept)
    if isinstance(refusal, OverQuota) and refusal.code == 413:
        body["overLimit"]["retryAfter"] = "0"
    return body, content_type


def headers(body: Any) -> dict[str, str]:
    """The header that goes with a fault body which says when to try again (cinder 29.0.0 `wsgi.py` Fault)."""
    wait = body.get("overLimit", {}).get("retryAfter") if isinstance(body, dict) else None
    return {"Retry-After": wait} if wait is not None else {}


def network(refusal: Refusal, accept: str) -> tuple[Any, str]:
    """Neutron's: the exception's name, its message and an always empty detail."""
    return {"NeutronError": {"type": refusal.kind, "message": refusal.message, "detail": ""}}, "application/json"


def image(refusal: Refusal, accept: str) -> tuple[Any, str]:
    """Glance's: webob's page, or its JSON when the client accepts nothing else."""
    return page(refusal, accept, refusal.detail)


def page(refusal: Refusal, accept: str, detail: str = "") -> tuple[Any, str]:
    """What webob makes of an exception that no service has wrapped."""
    title = _TITLES.get(refusal.code, "Error")
    status, message = f"{refusal.code} {title}", "{}<br /><br />\n{}\n\n"
    if "application/json" in accept:
        return {"message": message.format(refusal.message, detail), "code": status, "title": title}, "application/json"
    found = (
        f"<html>\n <head>\n  <title>{status}</title>\n </head>\n"
        f" <body>\n  <h1>{status}</h1>\n  {message.format(escape(refusal.message), escape(detail))}\n </body>\n</html>"
    )
    return found.encode("ascii", "xmlcharrefreplace"), "text/html; charset=UTF-8"


def unauthenticated(refusal: Refusal) -> dict[str, Any]:
    """keystonemiddleware's 401, the same in front of every service."""
    return {"error": {"message": refusal.message, "code": 401, "title": "Unauthorized"}}
