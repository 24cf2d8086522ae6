"""Glance's image cache is its operator's. A member may not ask for it; an admin is told that there is none here.

What vregion itself keeps in the zones (copies of images) is the provider's business, see `vregion.region.image_copies`.
"""

from vregion.api.http import Call, Reply, Routes
from vregion.model.refusals import NotFound

routes = Routes()


@routes.get("/cache", policy="cache_list")
@routes.delete("/cache", policy="cache_delete")
@routes.put("/cache/{image_id}", policy="cache_image")
@routes.delete("/cache/{image_id}", policy="cache_delete")
@routes.get("/cache/nodes/{image_id}", policy="list_cached_nodes")
@routes.post("/cache/clean", policy="cache_clean")
@routes.post("/cache/prune", policy="cache_prune")
async def refuse(call: Call) -> Reply:
    """404 in the words of a Glance without a cache (glance 33.0.0 api/v2/cached_images.py _enforce)."""
    raise NotFound("Caching via API is not supported at this site.")
