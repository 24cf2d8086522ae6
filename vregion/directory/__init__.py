"""The provider's own database: tenants, backends, bindings, flavors and sealed credentials.

Read on every request through `Directory`, written only by `vregion.provider`. It never calls a backend or Keystone.
"""
