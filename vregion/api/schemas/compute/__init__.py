"""Schemas of Nova's requests: one file per resource, read by `vregion.api.compute`."""
