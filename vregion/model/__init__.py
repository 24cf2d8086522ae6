"""The words of the house as frozen dataclasses; no I/O, no clock, no database. Everybody may import them."""
