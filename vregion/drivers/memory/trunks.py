"""Trunks: a parent port and sub-ports, none of which can be in another trunk. They are up when the parent port is."""

from typing import Any, ClassVar

from vregion.drivers.contract import Permanent, Transient
from vregion.drivers.memory.cloud import MemoryCloud, Row
from vregion.drivers.memory.collection import Described
from vregion.model.resource import Kind


class Trunks(Described):
    """Neutron's trunks."""

    kind = Kind.TRUNK
    required = ("port_id",)
    mutable: ClassVar[frozenset[str]] = frozenset({"name", "admin_state_up", "sub_ports"})

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        if not self.cloud.has_trunks:
            raise Permanent("network.trunk: the zone's Neutron has no such extension", 501)
        parent = self._free(body["port_id"], None)
        if parent.document["device_id"]:
            raise Permanent(f"Port {parent.id} is currently in use and is not eligible for use as a parent port.", 409)
        plain = {"name": "", "admin_state_up": True, "status": "DOWN"}
        return self.add(plain | body | {"sub_ports": self._sub_ports(body.get("sub_ports", []), None)}, mark)

    def change(self, row: Row, fields: dict[str, Any]) -> None:
        if "sub_ports" in fields:
            fields["sub_ports"] = self._sub_ports(fields["sub_ports"], row)
        row.document |= fields

    def discard(self, row: Row) -> None:
        if self.cloud.rows[Kind.PORT][row.document["port_id"]].document["device_id"]:
            raise Transient(f"Trunk {row.id} is currently in use.")
        self.cloud.remove(row)

    def render(self, row: Row) -> dict[str, Any]:
        """Its state is the parent's."""
        parent = self.cloud.rows[Kind.PORT].get(row.document["port_id"])
        up = parent is not None and parent.document["status"] == "ACTIVE"
        return super().render(row) | {"status": "ACTIVE" if up else "DOWN"}

    def _sub_ports(self, wanted: list[dict[str, Any]], row: Row | None) -> list[dict[str, Any]]:
        numbers = [one["segmentation_id"] for one in wanted]
        if len(set(numbers)) < len(numbers):
            raise Permanent("segmentation_id already in use on trunk.", 409)
        for one in wanted:
            self._free(one["port_id"], row)
        return [{name: one[name] for name in ("port_id", "segmentation_type", "segmentation_id")} for one in wanted]

    def _free(self, port_id: str, own: Row | None) -> Row:
        port = self.cloud.visible(Kind.PORT, port_id, self.project)
        if port is None:
            raise Permanent(f"Port {port_id} could not be found.", 404)
        if any(trunk is not own for trunk in trunks_of(self.cloud, port_id)):
            raise Permanent(f"Port {port_id} is in use by another trunk.", 409)
        return port


def trunks_of(cloud: MemoryCloud, port_id: str) -> list[Row]:
    """The trunks that a port is in."""
    return [
        trunk
        for trunk in cloud.of(Kind.TRUNK)
        if port_id in (trunk.document["port_id"], *(one["port_id"] for one in trunk.document["sub_ports"]))
    ]
