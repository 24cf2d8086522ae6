"""Makes true what is written down: claims due realizations, asks a driver, writes down what was seen.

Started by `vregion.app`. It never answers a request, and the API never calls it: they meet in the region's rows.
"""
