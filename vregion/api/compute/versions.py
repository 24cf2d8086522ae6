"""Nova's version documents, and the window of microversions that is offered.

`documents` is called by the service for paths that need no token. The newest is what the backends share: here, before
anybody has said who he is, those of the provider; for a request, those of the caller's own zones.
"""

from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.service import Versions
from vregion.model.microversion import Microversion
from vregion.model.refusals import NotFound

routes = Routes()
_RULE = "os_compute_api:versions"  # Nova has none here: whoever has a token may
RULES = {_RULE: "any"}
VERSIONS = Versions("compute", Microversion(2, 1), Microversion(2, 104), "X-OpenStack-Nova-API-Version")


def documents(path: str, root: str, newest: Microversion) -> Reply | None:
    """'/' lists the versions, '/v2.1' and '/v2' show one, a path of neither offers both; the rest needs a token."""
    match path.strip("/"):
        case "":
            return Reply({"versions": [_legacy(root), _version(root, newest)]}, 200)
        case "v2":
            return Reply({"version": _legacy(root) | {"media-types": []}})
        case "v2.1":
            return Reply({"version": _whole(_version(root, newest), root, "2.1")})
    if path.strip("/").split("/")[0] in ("v2", "v2.1"):
        return None
    old, new = (
        _choice(_legacy(root), f"{root}/v2{path}", "2"),
        _choice(_version(root, newest), f"{root}/v2.1{path}", "2.1"),
    )
    return Reply({"choices": [old, new]}, 300)


@routes.get("/versions/{version}", policy=_RULE)
async def show(call: Call) -> Reply:
    """One of the two, by its id."""
    root = call.base.removesuffix("/v2.1")
    newest = await call.use.directory.newest("compute", call.caller.region_id) or VERSIONS.newest
    known = {"v2.0": (_legacy(root), "2"), "v2.1": (_version(root, min(newest, VERSIONS.newest)), "2.1")}
    if call.path["version"] not in known:
        raise NotFound("The resource could not be found.")
    document, media = known[call.path["version"]]
    return Reply({"version": _whole(document, root, media)})


def _whole(version: dict[str, Any], root: str, media: str) -> dict[str, Any]:
    """With links and media types, as a single version is shown; its own link is the newer one's, whichever it is."""
    links = [
        {"rel": "self", "href": f"{root}/v2.1/"},
        {"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"},
    ]
    return version | {"links": links, "media-types": [_media(media)]}


def _choice(version: dict[str, Any], href: str, media: str) -> dict[str, Any]:
    told = {"id": version["id"], "status": version["status"]}
    return told | {"links": [{"rel": "self", "href": href}], "media-types": [_media(media)]}


def _media(version: str) -> dict[str, str]:
    return {"base": "application/json", "type": f"application/vnd.openstack.compute+json;version={version}"}


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
