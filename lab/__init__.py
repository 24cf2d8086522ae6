"""N real, independent OpenStack regions on one machine, from packages.

`python -m lab` is the way in; the tests and the benchmarks call it as a program. Nothing under `vregion/` may
import it. It speaks to the services as their administrator and as nobody else: no test reads its state folder.
"""
