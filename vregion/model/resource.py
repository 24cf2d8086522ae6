"""A tenant's resource and its realizations, as the region's rows hold them.

`Resource.spec` is what the tenant wants (OpenStack's own field names and our ids). `Resource.document` is what a show
answers, JSON ready to send, in the newest form of its API. A realization is that resource on one backend.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Every noun that has rows. The value is the singular word on the wire, with underscores."""

    SERVER = "server"
    DELETED_SERVER = "deleted_server"
    MIGRATION = "migration"
    SERVER_GROUP = "server_group"
    KEYPAIR = "keypair"
    FLAVOR = "flavor"
    FLAVOR_ACCESS = "flavor_access"
    IMAGE = "image"
    VOLUME = "volume"
    DEFAULT_TYPE = "default_type"
    SNAPSHOT = "snapshot"
    ATTACHMENT = "attachment"
    TRANSFER = "transfer"
    MESSAGE = "message"
    BACKUP = "backup"
    GROUP = "group"
    GROUP_TYPE = "group_type"
    GROUP_SNAPSHOT = "group_snapshot"
    NETWORK = "network"
    SUBNET = "subnet"
    PORT = "port"
    SECURITY_GROUP = "security_group"
    SECURITY_GROUP_RULE = "security_group_rule"
    ROUTER = "router"
    FLOATING_IP = "floatingip"
    SUBNET_POOL = "subnetpool"
    ADDRESS_SCOPE = "address_scope"
    ADDRESS_GROUP = "address_group"
    RBAC_POLICY = "rbac_policy"
    QOS_POLICY = "qos_policy"
    TRUNK = "trunk"
    METADEF_NAMESPACE = "metadef_namespace"
    METADEF_RESOURCE_TYPE = "metadef_resource_type"
    TASK = "task"


class State(StrEnum):
    """Where a realization stands."""

    PENDING = "pending"  # nothing was asked of the backend yet
    CREATING = "creating"  # the intent is journalled: a create may have reached the backend
    PROGRESSING = "progressing"  # it has an external id and is on its way
    READY = "ready"
    DELETING = "deleting"
    ERROR = "error"  # stopped; `reason` says why
    LOST = "lost"  # it was ready, and the healthy backend answers 404 for its id


@dataclass(frozen=True, slots=True)
class Resource:
    """One row. Times are UTC. `parent_id` is the thing it cannot outlive (subnet -> network, rule -> group)."""

    id: str
    kind: Kind
    project_id: str
    user_id: str
    name: str
    status: str
    created_at: datetime
    updated_at: datetime
    spec: dict[str, Any]
    document: bytes = b"{}"
    availability_zone: str | None = None
    backend_id: str | None = None
    parent_id: str | None = None
    generation: int = 1
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class Realization:
    """A resource on one backend. `fence` grows with every lease: a write under an older one is refused."""

    resource_id: str
    kind: Kind
    backend_id: str
    state: State
    external_id: str | None = None
    wanted: bool = True
    generation: int = 0  # the resource's generation that the backend has
    reason: str | None = None
    waiting_on: str | None = None
    attempts: int = 0
    fence: int = 0
    asked_at: datetime | None = None  # when a create was sent whose answer we do not have
    observed: dict[str, Any] = field(default_factory=dict)
