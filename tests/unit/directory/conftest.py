"""Fixtures of the directory's tests: every one of them runs on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.postgresql import database_url as database_url
from tests.postgresql import postgresql as postgresql
from tests.postgresql import postgresql_url as postgresql_url
from vregion.directory.directory import Directory
from vregion.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(state_dir=tmp_path, database_url=database_url)


@pytest_asyncio.fixture
async def directory(settings: Settings) -> AsyncIterator[Directory]:
    opened = await Directory.open(settings)
    yield opened
    await opened.close()
