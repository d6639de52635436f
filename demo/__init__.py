"""A shop with caches of every kind, to try out the cache admin: `make demo`."""
