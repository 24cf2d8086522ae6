"""What is not a tenant's: Nova's operator APIs answer 403 in its words, what Nova has removed answers 410.

There are no hosts, hypervisors or services in a virtual region, for its own admin either.
"""

from vregion.api.http import Call, Reply, Routes
from vregion.model.refusals import Forbidden, Refusal

routes = Routes()
# (method, path, nova's rule without its prefix)
_OPERATORS = (
    ("GET", "/os-aggregates", "os-aggregates:index"),
    ("POST", "/os-aggregates", "os-aggregates:create"),
    ("GET", "/os-aggregates/{id}", "os-aggregates:show"),
    ("PUT", "/os-aggregates/{id}", "os-aggregates:update"),
    ("DELETE", "/os-aggregates/{id}", "os-aggregates:delete"),
    ("POST", "/os-aggregates/{id}/action", "os-aggregates:set_metadata"),
    ("POST", "/os-aggregates/{id}/images", "compute:aggregates:images"),
    ("POST", "/os-assisted-volume-snapshots", "os-assisted-volume-snapshots:create"),
    ("DELETE", "/os-assisted-volume-snapshots/{id}", "os-assisted-volume-snapshots:delete"),
    ("GET", "/os-baremetal-nodes", "os-baremetal-nodes:list"),
    ("GET", "/os-baremetal-nodes/{id}", "os-baremetal-nodes:show"),
    ("GET", "/os-console-auth-tokens/{id}", "os-console-auth-tokens"),
    ("GET", "/os-hosts", "os-hosts:list"),
    ("GET", "/os-hosts/{id}", "os-hosts:show"),
    ("PUT", "/os-hosts/{id}", "os-hosts:update"),
    ("GET", "/os-hosts/{id}/reboot", "os-hosts:reboot"),
    ("GET", "/os-hosts/{id}/shutdown", "os-hosts:shutdown"),
    ("GET", "/os-hosts/{id}/startup", "os-hosts:start"),
    ("GET", "/os-hypervisors", "os-hypervisors:list"),
    ("GET", "/os-hypervisors/detail", "os-hypervisors:list-detail"),
    ("GET", "/os-hypervisors/statistics", "os-hypervisors:statistics"),
    ("GET", "/os-hypervisors/{id}", "os-hypervisors:show"),
    ("GET", "/os-hypervisors/{id}/search", "os-hypervisors:search"),
    ("GET", "/os-hypervisors/{id}/servers", "os-hypervisors:servers"),
    ("GET", "/os-hypervisors/{id}/uptime", "os-hypervisors:uptime"),
    ("GET", "/os-instance_usage_audit_log", "os-instance-usage-audit-log:list"),
    ("GET", "/os-instance_usage_audit_log/{before}", "os-instance-usage-audit-log:show"),
    ("GET", "/os-migrations", "os-migrations:index"),
    ("POST", "/os-server-external-events", "os-server-external-events:create"),
    ("GET", "/os-services", "os-services:list"),
    ("PUT", "/os-services/{id}", "os-services:update"),
    ("DELETE", "/os-services/{id}", "os-services:delete"),
)
# nova 34.0.0: every one of these raises HTTPGone.
_REMOVED = (
    "GET POST /os-agents",
    "PUT DELETE /os-agents/{id}",
    "GET POST /os-cells",
    "GET /os-cells/capacities",
    "GET /os-cells/detail",
    "GET /os-cells/info",
    "POST /os-cells/sync_instances",
    "GET PUT DELETE /os-cells/{id}",
    "GET /os-cells/{id}/capacities",
    "POST /os-certificates",
    "GET /os-certificates/{id}",
    "GET POST /os-cloudpipe",
    "PUT /os-cloudpipe/{id}",
    "GET /os-fixed-ips/{id}",
    "POST /os-fixed-ips/{id}/action",
    "GET /os-floating-ip-dns",
    "PUT DELETE /os-floating-ip-dns/{id}",
    "GET PUT DELETE /os-floating-ip-dns/{domain}/entries/{id}",
    "GET POST /os-floating-ips-bulk",
    "GET PUT /os-floating-ips-bulk/{id}",
    "GET /os-fping",
    "GET /os-fping/{id}",
    "POST /os-networks",
    "POST /os-networks/add",
    "DELETE /os-networks/{id}",
    "POST /os-networks/{id}/action",
    "GET POST /os-security-group-default-rules",
    "GET DELETE /os-security-group-default-rules/{id}",
    "POST /os-tenant-networks",
    "DELETE /os-tenant-networks/{id}",
)
_ANY = "os_compute_api:removed"


def _rule(name: str) -> str:
    return name if name.startswith("compute:") else f"os_compute_api:{name}"


RULES = {_ANY: "any", **{_rule(name): "nobody" for _, _, name in _OPERATORS}}


async def nobodys(call: Call) -> Reply:
    """Reached only when the provider's policy file lets somebody through."""
    raise Forbidden("A virtual region has no hosts or services of its own.")


async def removed(call: Call) -> Reply:
    """Nova's words."""
    raise Refusal("This resource is no longer available. No forwarding address is given.", status=410)


for method, path, name in _OPERATORS:
    routes.add(method, path, policy=_rule(name))(nobodys)
for line in _REMOVED:
    *methods, path = line.split()
    for method in methods:
        routes.add(method, path, policy=_ANY)(removed)
