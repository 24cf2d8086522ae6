"""Migrations of virtual regions, one file each; run by `vregion.database`. A released one never changes."""
