"""The cost of cache calls: our backends, others, the drivers, and a bare socket.

All contenders take turns in one run on one server. Backends get values; the others get them already
pickled.
"""
