"""Neutron's standard attributes, which every table ends with."""

from vregion.api.schemas.network.attributes import Attribute, Attributes, shown
from vregion.api.schemas.network.values import list_of, moment, name, string

ID = shown("id")
NAME = Attribute(name, "", field="name")
OWNER: Attributes = {
    "tenant_id": Attribute(string(), put=False, field="project_id"),
    "project_id": Attribute(string(), put=False, field="project_id"),
}
STATUS = shown("status")
STANDARD: Attributes = {
    "description": Attribute(string(), "", field="spec.description"),
    "created_at": shown("created_at", asked=moment),
    "updated_at": shown("updated_at", asked=moment),
    "revision_number": shown("spec.revision_number", asked=int),
    "tags": shown("", sorts=False),
}
tags = list_of(string())
