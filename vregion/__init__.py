"""vregion: a virtual OpenStack region for every tenant, over every cloud that the provider has."""

__version__ = "0.1.0"
