"""Fixtures of the tests that speak to a real Keystone."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.embedded_keystone import RunningKeystone
from tests.embedded_keystone import keystone as keystone
from vregion.identity.client import Identity


@pytest_asyncio.fixture
async def identity(keystone: RunningKeystone) -> AsyncIterator[Identity]:
    """The provider's client, with an empty cache."""
    async with keystone.admin() as client:
        yield client
