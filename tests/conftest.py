"""Fixtures that many rooms' tests share: a virtual region on either database.

`region` runs a test twice, on SQLite and on PostgreSQL. Import-time side effects are none; servers start on demand.
"""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests import prepared
from tests.postgresql import database_url as database_url
from tests.postgresql import postgresql as postgresql
from tests.postgresql import postgresql_url as postgresql_url
from vregion.region.regions import Region, Regions


@pytest_asyncio.fixture
async def regions(tmp_path: Path, database_url: str) -> AsyncIterator[Regions]:
    """No region yet; the bell is silent."""
    opened = Regions(database_url, tmp_path)
    await opened.prepare()
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def region(regions: Regions, tmp_path: Path) -> Region:
    """A fresh virtual region."""
    region_id = str(uuid.uuid4())
    if not regions.shared:
        await prepared.put(tmp_path, region_id)
    return await regions.open(region_id)
