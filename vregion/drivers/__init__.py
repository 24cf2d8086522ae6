"""Drivers: each speaks to one kind of cloud, by its public API only. They know nothing of tenants, rows or policy."""
