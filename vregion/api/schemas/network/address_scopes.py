"""The attributes of address scopes (neutron_lib/api/definitions/address_scope.py); none of the standard ones."""

from vregion.api.schemas.network.attributes import REQUIRED, Attribute, Attributes
from vregion.api.schemas.network.standard import ID, NAME, OWNER
from vregion.api.schemas.network.values import boolean, integer, one_of

ADDRESS_SCOPES: Attributes = {
    "id": ID,
    "name": NAME,
    **OWNER,
    "shared": Attribute(boolean, False, field="spec.shared", asked=boolean, sorts=False, only="admin"),
    "ip_version": Attribute(one_of(4, 6, read=integer), REQUIRED, put=False, field="spec.ip_version", asked=integer),
}
