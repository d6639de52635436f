"""What the cache admin and the calls of caches cost, on real servers: `make bench`.

A module for each figure; none of them asserts a time.
"""
