"""What the cache admin costs, measured on real servers: `python -m benchmarks`, or `make bench`.

A module for each figure; none of them asserts a time.
"""
