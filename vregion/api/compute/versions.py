"""Nova's version documents, and the window of microversions that is offered.

Called by the service for paths that need no token. The newest is what the backends share: here, before
anybody has said who he is, those of the provider; for a request, those of the caller's own zones.
"""

from typing import Any

from vregion.api.http import Reply
from vregion.api.service import Versions
from vregion.model.microversion import Microversion

VERSIONS = Versions("compute", Microversion(2, 1), Microversion(2, 104), "X-OpenStack-Nova-API-Version")


def documents(path: str, root: str, newest: Microversion) -> Reply | None:
    """'/' lists the versions, '/v2.1' and '/v2' show one; anything else is not ours."""
    match path.strip("/"):
        case "":
            return Reply({"versions": [_legacy(root), _version(root, newest)]}, 200)
        case "v2":
            return Reply({"version": _legacy(root) | {"media-types": []}})
        case "v2.1":
            media = {"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}
            described = {"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"}
            version = _version(root, newest)
            links = [*version["links"], described]
            return Reply({"version": version | {"links": links, "media-types": [media]}})
    return None


def _version(root: str, newest: Microversion) -> dict[str, Any]:
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": str(newest),
        "min_version": str(VERSIONS.oldest),
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": f"{root}/v2.1/"}],
    }


def _legacy(root: str) -> dict[str, Any]:
    """The same API without microversions (nova 34.0.0 `api/openstack/compute/versions.py`)."""
    return {
        "id": "v2.0",
        "status": "DEPRECATED",
        "version": "",
        "min_version": "",
        "updated": "2025-07-04T12:00:00Z",
        "links": [{"rel": "self", "href": f"{root}/v2/"}],
    }
