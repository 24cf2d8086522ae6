"""Usage in hours: of the caller's project, or, for an admin, of every project. See the region's file of this name."""

from datetime import UTC, datetime

from vregion.api.compute.links import asked, listed, next_page, page_size
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import simple_tenant_usage as schema
from vregion.model.microversion import Microversion
from vregion.model.refusals import Forbidden, Invalid
from vregion.region import simple_tenant_usage
from vregion.region.simple_tenant_usage import Period

routes = Routes()
_ROOT = "os_compute_api:os-simple-tenant-usage"
RULES = {f"{_ROOT}:show": "reader", f"{_ROOT}:list": "admin"}
_PAGED = Microversion(2, 40)
_FORMS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f")


@routes.get("/os-simple-tenant-usage", policy=f"{_ROOT}:list")
async def index(call: Call) -> Reply:
    """A summary of each project, with its servers when `detailed=1`."""
    schema.LIST.check(asked(call), call.microversion)
    period = _period(call)
    async with call.region.read() as tx:
        found = await simple_tenant_usage.servers(tx, None, *_page(call), period)
    usages = simple_tenant_usage.of_projects(found, period)
    if call.query.get("detailed") != "1":
        for usage in usages:
            del usage["server_usages"]
    return Reply(listed(call, "tenant_usages", usages, _next(call, "", [server.id for server in found])))


@routes.get("/os-simple-tenant-usage/{project_id}", policy=f"{_ROOT}:show")
async def show(call: Call) -> Reply:
    """One project's; an empty object when it has no servers."""
    schema.SHOW.check(asked(call), call.microversion)
    project_id = call.path["project_id"]
    if project_id != call.project_id and not call.caller.is_admin:
        raise Forbidden(f"Policy doesn't allow {_ROOT}:show to be performed.")
    period = _period(call)
    async with call.region.read() as tx:
        found = await simple_tenant_usage.servers(tx, project_id, *_page(call), period)
    usages = simple_tenant_usage.of_projects(found, period)
    body = {"tenant_usage": usages[0] if usages else {}}
    following = _next(call, f"/{project_id}", [server.id for server in found])
    return Reply(body | {"tenant_usage_links": following} if following else body)


def _page(call: Call) -> tuple[int, str | None]:
    if call.microversion < _PAGED:
        return 1000, None
    return page_size(call), call.query.get("marker")


def _next(call: Call, below: str, ids: list[str]) -> list[dict[str, str]]:
    return next_page(call, f"os-simple-tenant-usage{below}", ids) if call.microversion >= _PAGED else []


def _period(call: Call) -> Period:
    now = datetime.now(UTC)
    start, stop = _time(call, "start", now), _time(call, "end", now)
    if start >= stop and not ("start" not in call.query and "end" not in call.query):
        raise Invalid("Invalid start time. The start time cannot occur after the end time.")
    return Period(start, min(stop, now), now)


def _time(call: Call, name: str, now: datetime) -> datetime:
    text = call.query.get(name)
    if not text:
        return now
    for form in _FORMS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise Invalid("Invalid datetime string: Datetime is in invalid format")
