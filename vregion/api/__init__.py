"""The tenant's side: HTTP in, HTTP out. It reads and writes the region's rows; only live routes reach a backend.

One folder per OpenStack service, one file per resource in it. The services do not know each other.
"""
