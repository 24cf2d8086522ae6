"""The image service: Glance v2 as far as a tenant needs it, over every zone of the virtual region.

Joins this folder's files for `vregion.app`. Only the routes that move bytes, or register an image that a backend has
already, speak to a backend; all others read and write the region's rows.
"""

from vregion.api import faults
from vregion.api.http import Reply, Route
from vregion.api.image import image_data, image_locations, image_members, image_tags, images, info
from vregion.api.service import Versions
from vregion.model.microversion import Microversion

ROUTES: list[Route] = [
    *images.routes.all,
    *image_data.routes.all,
    *image_tags.routes.all,
    *image_members.routes.all,
    *image_locations.routes.all,
    *info.routes.all,
]
RULES = {
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
    "get_image_location": "admin",
    "get_schema": "any",
    "stores_info": "any",
}
VERSIONS = Versions()
FAULT = faults.image

_SUPPORTED = (15, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)


def documents(path: str, root: str, newest: Microversion) -> Reply | None:
    """Version discovery: a list at the root (300) and below /versions; there are no documents of single versions."""
    if path.strip("/") not in ("", "versions"):
        return None
    links = [{"rel": "self", "href": f"{root}/v2/"}]
    found = [{"id": "v2.17", "status": "CURRENT", "links": links}]
    found += [{"id": f"v2.{version}", "status": "SUPPORTED", "links": links} for version in _SUPPORTED]
    return Reply({"versions": found}, 300 if path.strip("/") == "" else 200)
