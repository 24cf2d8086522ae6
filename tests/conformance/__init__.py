"""Foreign suites judge the virtual region; a bare region of the lab is the baseline. `python -m tests.conformance`"""
