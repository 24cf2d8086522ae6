"""QoS policies on backends: the policy first, then its rules. Made by whoever may make them there.

Neutron lets a project's manager make policies, or an administrator for it (29.0.0 `conf/policies/qos.py`); a tenant's
credential is mostly a plain member's. So the tenant's is tried, and the provider's where that is refused; a backend
that refuses both puts the policy, and what needs it there, into ERROR with its words (ADR 20).
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from vregion.drivers.contract import Collection, Exhausted, Observed, Permanent
from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipe import Recipe, References
from vregion.reconcile.work import Work
from vregion.region import qos_policies

T = TypeVar("T")
_RULE = (
    "type", "direction", "max_kbps", "max_burst_kbps", "min_kbps", "max_kpps", "max_burst_kpps", "min_kpps",
    "dscp_mark",
)  # fmt: skip


def body(resource: Resource, references: References) -> dict[str, Any]:
    """Neutron's create body. What is shared or the default in the tenant's region is neither in a backend."""
    return {"name": resource.name}


def update(resource: Resource, references: References) -> dict[str, Any]:
    """The policy with all of its rules."""
    rules = [{key: rule[key] for key in _RULE if key in rule} for rule in resource.spec["rules"]]
    return {"name": resource.name, "rules": rules}


class ByWhoMay:
    """The backend's policies: the tenant's own calls, and the provider's where the tenant's are forbidden."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._own = work.driver.collections[Kind.QOS_POLICY]

    async def create(self, mark: str, body: Mapping[str, Any]) -> Observed:
        """The provider makes it for the tenant's project there."""

        async def made(provider: Collection) -> Observed:
            return await provider.create(mark, {**body, "project_id": await self._work.driver.project()})

        return await self._either(lambda: self._own.create(mark, body), made)

    async def get(self, external_id: str) -> Observed:
        return await self._own.get(external_id)

    async def find(self, mark: str) -> Observed | None:
        return await self._own.find(mark)

    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed:
        return await self._either(
            lambda: self._own.update(external_id, body), lambda provider: provider.update(external_id, body)
        )

    async def delete(self, external_id: str) -> None:
        await self._either(lambda: self._own.delete(external_id), lambda provider: provider.delete(external_id))

    async def _either(self, own: Callable[[], Awaitable[T]], provider: Callable[[Collection], Awaitable[T]]) -> T:
        try:
            return await own()
        except Permanent as refused:
            if refused.status != 403 or isinstance(refused, Exhausted):
                raise
        driver = await self._work.open_provider()
        return await provider(driver.collections[Kind.QOS_POLICY])


RECIPE = Recipe(
    kind=Kind.QOS_POLICY,
    body=body,
    update=update,
    collection=ByWhoMay,
    settled=qos_policies.settled,
    stopped=qos_policies.stopped,
    lost=qos_policies.lost,
    vanished=qos_policies.vanished,
    completes=True,
    recreate=True,
)
