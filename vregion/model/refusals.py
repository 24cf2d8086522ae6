"""What a caller is told when a request cannot be honoured.

Raised by the API and the region, caught once (`vregion.api.faults`), where each service gives it the fault body of
the real one. `message` is for the tenant to read. `reason` is Neutron's exception name where Neutron's body shows
one; the other services ignore it. `detail` stands below the message in webob's pages, which are Glance's faults.
"""

from typing import ClassVar

# What webob says of a request that is wrong in no way that it knows: all of the services show it.
MALFORMED = "The server could not comply with the request since it is either malformed or otherwise incorrect."


class Refusal(Exception):
    """The request was understood and is not honoured."""

    status: ClassVar[int] = 400
    reason: ClassVar[str] = "BadRequest"

    def __init__(self, message: str, *, reason: str | None = None, status: int | None = None, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.kind = reason or self.reason
        self.code = status or self.status


class Invalid(Refusal):
    """400: the body, a parameter or a combination of them is wrong."""


class Unauthenticated(Refusal):
    """401: no token, or one that Keystone does not know (any more)."""

    status = 401
    reason = "Unauthorized"


class Forbidden(Refusal):
    """403: known, visible, but the caller's roles do not allow it."""

    status = 403
    reason = "Forbidden"


class OverQuota(Refusal):
    """403 in compute and 413 or 409 elsewhere: a limit of the virtual region would be passed."""

    status = 403
    reason = "OverQuota"


class NotFound(Refusal):
    """404: absent, or another tenant's or project's: the two are never told apart."""

    status = 404
    reason = "NotFound"


class Conflict(Refusal):
    """409: the resource is in a state that does not allow it."""

    status = 409
    reason = "Conflict"


class TooLarge(Refusal):
    """413: the body is over the bound."""

    status = 413
    reason = "RequestTooLarge"


class Unsupported(Refusal):
    """501: vregion, or the zone named in the message, has not got this capability."""

    status = 501
    reason = "NotImplemented"


class Unavailable(Refusal):
    """503: the zone named in the message does not answer, and the call cannot be written down for later."""

    status = 503
    reason = "ServiceUnavailable"
