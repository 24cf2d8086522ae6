"""Server groups: a name that ends with the mark, a policy, and the members, which the servers keep."""

from typing import Any

from vregion.drivers.memory.cloud import Row
from vregion.drivers.memory.collection import MemoryCollection
from vregion.model.resource import Kind


class ServerGroups(MemoryCollection):
    """Nova's server groups; nothing of one can be updated."""

    kind = Kind.SERVER_GROUP
    required = ("name", "policy")

    def make(self, mark: str, body: dict[str, Any]) -> Row:
        document = {
            "name": f"{body['name'][:200]}_{mark}",
            "policy": body["policy"],
            "rules": body.get("rules", {}),
            "members": [],
            "project_id": self.project,
            "user_id": self.project,
        }
        return self.cloud.add(self.kind, self.project, document, mark)

    def marked(self, row: Row, mark: str) -> bool:
        return bool(row.document["name"].endswith(f"_{mark}"))
