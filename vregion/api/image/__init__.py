"""The image service: Glance v2 as far as a tenant needs it, over every zone of the virtual region.

Joins this folder's files for `vregion.app`. Only the routes that move bytes, or register an image that a backend has
already, speak to a backend; all others read and write the region's rows.
"""

from vregion.api import faults, operations
from vregion.api.http import Reply, Route
from vregion.api.image import (
    image_data,
    image_imports,
    image_locations,
    image_members,
    image_tags,
    images,
    info,
    metadef_namespaces,
    metadef_objects,
    metadef_properties,
    metadef_resource_types,
    metadef_tags,
    schemas,
    stores,
    tasks,
)
from vregion.api.service import Versions
from vregion.model.microversion import Microversion

OPERATIONS = operations.table("image")
HANDLED: list[Route] = [
    *images.routes.all,
    *image_data.routes.all,
    *image_tags.routes.all,
    *image_members.routes.all,
    *image_locations.routes.all,
    *image_imports.routes.all,
    *stores.routes.all,
    *tasks.routes.all,
    *info.routes.all,
    *schemas.routes.all,
    *metadef_namespaces.routes.all,
    *metadef_objects.routes.all,
    *metadef_properties.routes.all,
    *metadef_tags.routes.all,
    *metadef_resource_types.routes.all,
]
ROUTES = [*HANDLED, *operations.refusals(OPERATIONS, HANDLED)]
RULES = {
    **operations.rules(OPERATIONS),
    "get_images": "reader",
    "get_image": "reader",
    "download_image": "member",
    "add_image": "member",
    "modify_image": "member",
    "delete_image": "member",
    "publicize_image": "admin",
    "communitize_image": "member",
    "upload_image": "member",
    "deactivate": "member",
    "reactivate": "member",
    "get_members": "reader",
    "get_member": "reader",
    "add_member": "member",
    "modify_member": "member",
    "delete_member": "member",
    "set_image_location": "admin",
    "fetch_image_location": "admin",
    "get_schema": "any",
    "stores_info": "any",
    "get_metadef_namespace": "reader",
    "get_metadef_namespaces": "reader",
    "get_metadef_object": "reader",
    "get_metadef_objects": "reader",
    "get_metadef_resource_type": "reader",
    "get_metadef_property": "reader",
    "get_metadef_properties": "reader",
    "get_metadef_tag": "reader",
    "get_metadef_tags": "reader",
    "list_metadef_resource_types": "reader",
    "modify_metadef_namespace": "admin",
    "add_metadef_namespace": "admin",
    "delete_metadef_namespace": "admin",
    "modify_metadef_object": "admin",
    "add_metadef_object": "admin",
    "delete_metadef_object": "admin",
    "add_metadef_resource_type_association": "admin",
    "remove_metadef_resource_type_association": "admin",
    "modify_metadef_property": "admin",
    "add_metadef_property": "admin",
    "remove_metadef_property": "admin",
    "modify_metadef_tag": "admin",
    "add_metadef_tag": "admin",
    "add_metadef_tags": "admin",
    "delete_metadef_tag": "admin",
    "copy_image": "admin",
    "delete_image_location": "admin",
    "tasks_api_access": "admin",
    "stores_info_detail": "admin",
}
VERSIONS = Versions()
FAULT = faults.image
FORBIDDEN = "You are not authorized to complete {} action."

_SUPPORTED = (15, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)


def documents(path: str, root: str, newest: Microversion) -> Reply | None:
    """Version discovery: a list at the root (300) and below /versions; there are no documents of single versions."""
    if path.strip("/") not in ("", "versions"):
        return None
    links = [{"rel": "self", "href": f"{root}/v2/"}]
    found = [{"id": "v2.17", "status": "CURRENT", "links": links}]
    found += [{"id": f"v2.{version}", "status": "SUPPORTED", "links": links} for version in _SUPPORTED]
    return Reply({"versions": found}, 300 if path.strip("/") == "" else 200)
