"""A private PostgreSQL for tests, and the choice of either database as a fixture.

Import the fixtures that a conftest.py needs. The server starts once per session (once per xdist worker), listens on a
socket file only, and ends with the session, however that ends; each test gets a database of its own.
"""

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests import prepared

BIN = Path("/usr/lib/postgresql/15/bin")
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
START_SECONDS = 30
TEMPLATE = "prepared"


@dataclass(frozen=True)
class RunningPostgresql:
    """A server that listens in `folder`."""

    folder: Path

    def execute(self, statement: str) -> None:
        """Run one statement of the superuser's, outside a transaction."""
        with psycopg.connect(f"host={self.folder} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[RunningPostgresql]:
    """PostgreSQL 15 from Debian; root runs it as the user postgres, as the server demands."""
    if not BIN.exists():
        pytest.fail(f"{BIN} is missing: apt-get install postgresql-15")
    folder = Path(tempfile.mkdtemp(prefix="vregion-postgresql-"))
    become = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        become += ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
    data = str(folder / "data")
    init = ["initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync"]
    subprocess.run([*become, str(BIN / init[0]), *init[1:]], check=True, cwd=folder, stdout=subprocess.DEVNULL)
    options = [part for name, value in FAST.items() for part in ("-c", f"{name}={value}")]
    listen = ["-k", str(folder), "-c", "listen_addresses="]
    with (folder / "log").open("wb") as log:
        command = [*become, str(BIN / "postgres"), "-D", data, *listen, *options]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    server = RunningPostgresql(folder)
    _wait(server, process)
    server.execute(f"CREATE DATABASE {TEMPLATE}")
    asyncio.run(prepared.fill(server.url(TEMPLATE)))
    yield server
    process.terminate()
    process.wait(START_SECONDS)
    shutil.rmtree(folder)


def _wait(server: RunningPostgresql, process: "subprocess.Popen[bytes]") -> None:
    """Until it answers."""
    for _ in range(START_SECONDS * 20):
        try:
            return server.execute("SELECT 1")
        except psycopg.OperationalError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
    process.kill()
    pytest.fail("PostgreSQL did not start: " + (server.folder / "log").read_text())


@pytest.fixture
def postgresql_url(postgresql: RunningPostgresql) -> Iterator[str]:
    """A database with a region's tables, dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    postgresql.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield postgresql.url(name)
    postgresql.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest) -> str:
    """What `Settings.database_url` says: the test runs once on SQLite (''), once on PostgreSQL."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgresql_url"))
