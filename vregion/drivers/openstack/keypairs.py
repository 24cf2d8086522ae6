"""Keypairs on one OpenStack cloud. Made by the driver.

Nova has no place for a mark on a keypair, so the name there is the tenant's with the mark at its end, and that name
is the external id. A keypair belongs to the user of the credential and never changes.
"""

from collections.abc import Mapping
from typing import Any

from vregion.drivers.contract import Observed, Unsupported
from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.faults import Reply
from vregion.drivers.openstack.marks import InName


class Keypairs(Resources):
    """Nova's keypairs."""

    word = "keypair"
    path = "/os-keypairs"
    mark = InName()

    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed:
        """Nothing can change; asking for what is there already is fine."""
        current = await self.raw(external_id)
        wanted = {key: value for key, value in body.items() if key != "name"}
        if changed := self.changed(current, wanted):
            raise Unsupported(f"keypair.update: a keypair's {', '.join(sorted(changed))} cannot change")
        return self.observe(current)

    def items(self, reply: Reply) -> list[dict[str, Any]]:
        """Nova wraps each keypair of a list once more."""
        return [item["keypair"] for item in super().items(reply)]

    def identity(self, document: dict[str, Any]) -> str:
        """Keypairs go by name."""
        return str(document["name"])
