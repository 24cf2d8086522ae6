"""The virtual region: all its rules and all its rows. One write transaction per function; no cloud is called here.

Both the API and the reconcilers work through this room and meet nowhere else.
"""
