"""Tags of every network resource that has them (29.0.0 `neutron/extensions/tagging.py`)."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies
from vregion.api.schemas.network.values import Wrong, invalid, list_of, string
from vregion.model.caller import Caller
from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Resource
from vregion.region import (
    floating_ips,
    networks,
    ports,
    qos_policies,
    resources,
    routers,
    security_groups,
    subnet_pools,
    subnets,
    trunks,
)
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction

Get = Callable[[Transaction, Caller, str], Awaitable[Resource]]

routes = Routes()
MOST = 50
_TAGS = list_of(string())


def _given(call: Call) -> dict[str, Any]:
    """The body, with its tags read."""
    body = bodies.parsed(call)
    if not isinstance(body, dict) or "tags" not in body:
        raise invalid("Invalid tags body")
    try:
        if body["tags"] is None:  # elsewhere it is an empty list
            raise Wrong("'None' is not a list")
        return body | {"tags": _TAGS(body["tags"])}
    except Wrong as wrong:
        raise invalid(str(wrong)) from None


def _tag(call: Call) -> str:
    try:
        return str(string()(unquote(call.path["tag"])))
    except Wrong as wrong:
        raise invalid(str(wrong)) from None


class Tags:
    """The five routes of one kind of resource."""

    def __init__(self, word: str, get: Get, render: standard.Render) -> None:
        self.word, self.get, self.render = word, get, render

    async def index(self, call: Call) -> Reply:
        """All tags."""
        async with call.region.read() as tx:
            resource = await self.get(tx, call.caller, call.path["id"])
        return Reply({"tags": resource.spec["tags"]})

    async def show(self, call: Call) -> Reply:
        """Whether it has a tag."""
        async with call.region.read() as tx:
            resource = await self.get(tx, call.caller, call.path["id"])
        self._check_has(resource, _tag(call))
        return Reply(status=204)

    async def replace_all(self, call: Call) -> Reply:
        """Exactly these tags; the answer is the body as it came."""
        given = _given(call)
        await self._write(call, lambda resource: given["tags"])
        return Reply(given)

    async def add_several(self, call: Call) -> Reply:
        """These tags beside those that are there; the answer is the body as it came."""
        given = _given(call)
        await self._write(call, lambda resource: [*resource.spec["tags"], *given["tags"]])
        return Reply(given)

    async def add(self, call: Call) -> Reply:
        """One tag more. What a body says is nobody's matter, but it must be JSON."""
        bodies.parsed(call)
        tag = _tag(call)
        await self._write(call, lambda resource: [*resource.spec["tags"], tag])
        return Reply(b"null", 201)

    async def remove(self, call: Call) -> Reply:
        """One tag less."""
        tag = _tag(call)

        def without(resource: Resource) -> list[str]:
            self._check_has(resource, tag)
            return [one for one in resource.spec["tags"] if one != tag]

        await self._write(call, without)
        return Reply(status=204)

    async def clear(self, call: Call) -> Reply:
        """No tags."""
        await self._write(call, lambda resource: [])
        return Reply(status=204)

    @staticmethod
    def _check_has(resource: Resource, tag: str) -> None:
        if tag not in resource.spec["tags"]:
            raise NotFound(f"Tag {tag} could not be found.", reason="TagNotFound")

    async def _write(self, call: Call, wanted: Callable[[Resource], list[str]]) -> None:
        async with call.region.write() as tx:
            found = await self.get(tx, call.caller, call.path["id"])
            await resources.lock(tx, found.kind, found.id)
            resource = await self.get(tx, call.caller, found.id)
            standard.check_owner(resource, call.caller, f"update_{self.word}:tags")
            tags = list(dict.fromkeys(wanted(resource)))
            if len(tags) > MOST:
                message = f"Bad {self.word}s request: The number of tags exceed the per-resource limit of {MOST}."
                raise Invalid(message, reason="BadRequest")
            if tags != resource.spec["tags"]:
                await standard.revise(tx, resource, self.render, datetime.now(UTC), spec={"tags": tags})


def _register(path: str, tags: Tags) -> None:
    every, one = f"{path}/{{id}}/tags", f"{path}/{{id}}/tags/{{tag}}"
    operations: list[tuple[str, str, str, Any]] = [
        ("GET", every, "get", tags.index),
        ("PUT", every, "update", tags.replace_all),
        ("POST", every, "create", tags.add_several),
        ("DELETE", every, "delete", tags.clear),
        ("GET", one, "get", tags.show),
        ("PUT", one, "update", tags.add),
        ("DELETE", one, "delete", tags.remove),
    ]
    for method, where, verb, handler in operations:
        routes.add(method, where, f"{verb}_{tags.word}:tags")(handler)


_register("/networks", Tags("network", networks.get, networks.document))
_register("/subnets", Tags("subnet", subnets.get, subnets.document))
_register("/ports", Tags("port", ports.get, ports.document))
_register("/security-groups", Tags("security_group", security_groups.get, security_groups.document))
_register("/routers", Tags("router", routers.get, routers.document))
_register("/floatingips", Tags("floatingip", floating_ips.get, floating_ips.document))
_register("/subnetpools", Tags("subnetpool", subnet_pools.get, subnet_pools.document))
_register("/policies", Tags("policy", qos_policies.get, qos_policies.document))
_register("/trunks", Tags("trunk", trunks.get, trunks.document))
