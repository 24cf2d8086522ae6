"""Nova's requests on the access to flavors (nova 34.0.0 `compute/schemas/flavor_access.py`), by the action's name."""

from vregion.api.schemas.compute.types import closed, wrapped
from vregion.api.validation import Schema

_TENANT = closed({"tenant": {"type": "string", "minLength": 1, "maxLength": 255}}, ("tenant",))
BODIES = {name: Schema(wrapped(name, _TENANT)) for name in ("addTenantAccess", "removeTenantAccess")}
