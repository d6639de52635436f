"""The key browser with ten million keys, in a real browser."""
