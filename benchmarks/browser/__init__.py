"""The key browser at ten million keys, in a real browser."""
