"""One module a peer: a class `Peer(place)` with the methods that the workloads in child.py call.

`open`, `log_one`, `log_many`, `close` and `count` exist for all; a peer without one of the other
methods has no such feature to measure.
"""
