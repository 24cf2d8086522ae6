"""Identity: who is calling, which tenants exist in Keystone, and how clients find the region.

`client` and `tokens` serve every request; `tenants` and `catalog` serve the provider; `embedded` runs a real
Keystone for demonstrations and tests.  This room never stores a password and never decides what a caller may do.
"""
