"""Migrations of the provider's database, one file each; run by `vregion.database`. A released one never changes."""
