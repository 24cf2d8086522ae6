"""Neutron's resources as tables: one row per attribute, which says how it is read, checked, filtered and sorted."""
