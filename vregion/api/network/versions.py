"""Neutron's version list, and what its one version has at its root."""

from vregion.api.http import Call, Reply, Routes
from vregion.model.microversion import Microversion

routes = Routes()
_RESOURCES = (("network", "networks"), ("subnet", "subnets"), ("port", "ports"))


def documents(path: str, root: str, newest: Microversion) -> Reply | None:
    """The list of versions needs no token; everything below a version does."""
    if path.strip("/"):
        return None
    links = [{"rel": "self", "href": f"{root}/v2.0/"}]
    return Reply({"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]})


@routes.get("/", policy="get_extension")
async def index(call: Call) -> Reply:
    """The core resources."""
    found = [
        {"name": name, "collection": many, "links": [{"rel": "self", "href": f"{call.base}/{many}"}]}
        for name, many in _RESOURCES
    ]
    return Reply({"resources": found})
