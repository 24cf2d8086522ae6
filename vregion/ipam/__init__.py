"""Pure arithmetic of addresses: prefixes, pools, MACs. No rows, no clock; `vregion.region` decides with it."""
