"""What the loop must know of a kind of resource. Each noun's file in this room makes one `Recipe`; all else is shared.

The functions named `body` and `update` are pure. Those that take a transaction belong to `vregion.region`: they write
what was seen into the tenant's rows.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from vregion.drivers.contract import Collection
from vregion.model.observed import Observed
from vregion.model.resource import Kind, Realization, Resource
from vregion.reconcile.outcome import Outcome
from vregion.region.realizations import Key
from vregion.region.regions import Transaction

if TYPE_CHECKING:
    from vregion.reconcile.work import Joins, Work

References = Mapping[Key, str]
Write = Callable[[Transaction, Resource], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One kind.

    body(resource, references)    the create body, with external ids; raises KeyError for a reference that is gone
    update(resource, references)  what to send when the backend's generation is older; None: nothing to send
    settled(tx, resource, observed)  something was seen: render it into the row
    stopped(tx, resource, reason)    the backend refused, or gave up, for good
    lost(tx, resource)               it was there, and the healthy backend says 404
    vanished(tx, resource)           the last backend has let go: give quota and addresses back; the row goes after it
    here(work, resource)             the resource as this backend shall have it, where that differs between backends;
                                  `resource.backend_id` is this backend in `body` and `update` anyway
    collection(work)              the backend's side of the kind, where it is not just the tenant's own
    make(work, resource, body)       in place of the collection's create, by the same rules
    arrives(tx, resource, realization, now)  it has become ready on a backend: who looks at it there is due
    leaves(tx, resource, realization, now)  a backend has let go of it, and maybe only that one: what it held there
                                  for it is free. It takes every lock that it needs, before the row is dropped
    release(work, resource)          the last backend has let go of what the tenant deleted, and the row is still there:
                                  what it held in this backend beside itself is free
    free(joins, region_id, resource)  ... and so is what the directory keeps for it
    fill(work, observed)          work after the create and before it is ready (an image's bytes)
    stillborn(resource, observed)  it failed before it ever ran and can go without loss: a cloud that is just coming
                                  back fails boots until it has a host
    completes                     the create body is not all: send `update` once after it
    recreate                      made again when lost: it holds nothing of the tenant's (keypair, image copy, group)
    loosen(work, external_id)        it shall go: what ties it to others there is undone; an outcome: not yet
    outlasts                      no backend lets it go before what needs it: it waits for that, and asks then
    full                          before the backend's words when it has no room for another one
    wishes                        only `update` needs what it needs, and an external id is enough: groups may name each
                                  other. `update` also finds the resource's own external id among the references
    """

    kind: Kind
    body: Callable[[Resource, References], dict[str, Any]]
    settled: Callable[[Transaction, Resource, Observed], Awaitable[None]]
    stopped: Callable[[Transaction, Resource, str], Awaitable[None]]
    vanished: Write
    lost: Write
    update: Callable[[Resource, References], dict[str, Any] | None] = lambda resource, references: None
    here: "Callable[[Work, Resource], Awaitable[Resource]] | None" = None
    collection: "Callable[[Work], Collection] | None" = None
    make: "Callable[[Work, Resource, dict[str, Any]], Awaitable[Observed]] | None" = None
    arrives: Callable[[Transaction, Resource, Realization, datetime], Awaitable[None]] | None = None
    leaves: Callable[[Transaction, Resource, Realization, datetime], Awaitable[None]] | None = None
    release: "Callable[[Work, Resource], Awaitable[None]] | None" = None
    free: "Callable[[Joins, str, Resource], Awaitable[None]] | None" = None
    stillborn: Callable[[Resource, Observed], bool] = lambda resource, observed: False
    fill: "Callable[[Work, Observed], Awaitable[Observed]] | None" = None
    loosen: "Callable[[Work, str], Awaitable[Outcome | None]] | None" = None
    completes: bool = False
    recreate: bool = False
    outlasts: bool = False
    full: str = ""
    wishes: bool = False
