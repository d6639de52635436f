"""What a call of a cache costs: ours, other backends, the drivers, and a bare socket.

All take turns in one run, on one server. Backends get values, what is raw gets them pickled.
"""
