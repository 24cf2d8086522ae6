"""Measures vregion beside a bare region in one run; every figure is a ratio. Needs the lab. Never part of the tests."""
