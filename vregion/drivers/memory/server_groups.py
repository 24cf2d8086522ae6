"""Server groups: a name that ends with the mark, a policy, and the members, which the servers keep."""

from typing import Any

from vregion.drivers.memory.cloud import Row
from vregion.drivers.memory.collection import Named
from vregion.model.resource import Kind


class ServerGroups(Named):
    """Nova's server groups."""

    kind = Kind.SERVER_GROUP
    required = ("name", "policy")

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        owned = {"members": [], "project_id": self.project, "user_id": self.project}
        return self.add({"rules": {}} | body | owned, mark)
