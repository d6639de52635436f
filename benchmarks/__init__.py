"""Benchmarks of the cache admin and of cache calls, on real servers: `make bench`.

Each module measures one figure. No benchmark asserts a time.
"""
