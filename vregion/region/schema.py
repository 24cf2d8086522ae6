"""The tables of virtual regions and how they came to be; `Regions` prepares each database with it."""

from pathlib import Path

from vregion.database import Schema
from vregion.region.tables import metadata

SCHEMA = Schema(metadata, Path(__file__).with_name("migrations"), "region_migrations")
