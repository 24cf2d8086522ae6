"""Server groups on one OpenStack cloud. Made by the driver; the mark is the end of the name, and nothing changes."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from vregion.drivers.contract import Observed, Unsupported
from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.faults import Reply
from vregion.drivers.openstack.marks import InName
from vregion.drivers.openstack.service import Window
from vregion.drivers.openstack.session import Params
from vregion.model.microversion import Microversion

_PAGE = 500
_POLICY = Window("server_group.policy", Microversion(2, 64))


class ServerGroups(Resources):
    """Nova's server groups."""

    word = "server_group"
    path = "/os-server-groups"
    mark = InName()

    async def create(self, mark: str, body: Mapping[str, Any]) -> Observed:
        """`policy` and `rules` are the form since 2.64; the older `policies` is not spoken here."""
        await self.service.version_for(_POLICY)
        return await super().create(mark, body)

    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed:
        """Nothing can change; asking for what is there already is fine."""
        current = await self.raw(external_id)
        wanted = {key: value for key, value in body.items() if key != "name"}
        if changed := self.changed(current, wanted):
            raise Unsupported(f"server_group.update: a server group's {', '.join(sorted(changed))} cannot change")
        return self.observe(current)

    async def pages(self, params: Params = ()) -> AsyncIterator[tuple[Reply, list[dict[str, Any]]]]:
        """By offset: server groups have neither markers nor links (nova/api/openstack/compute/server_groups.py)."""
        offset = 0
        while True:
            asked = [*params, ("limit", str(_PAGE)), ("offset", str(offset))]
            reply = await self.service.send("GET", self.path, params=asked)
            items = self.items(reply)
            yield reply, items
            if not items:
                return
            offset += len(items)
