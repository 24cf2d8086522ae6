"""Glance's schemas: what it publishes below /v2/schemas, which is also what requests are checked against."""
