"""Cinder's request schemas (cinder 29.0.0 `cinder/api/schemas` has the same limits)."""
