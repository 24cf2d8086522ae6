"""The provider's side: operations on backends, zones, tenants and flavors, and the REST API in front of them."""
