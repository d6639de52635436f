"""A shop with a cache of every kind, to try the cache admin on: `make demo`."""
