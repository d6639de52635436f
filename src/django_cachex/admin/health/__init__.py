"""Compares the settings of caches with their servers and with a sample of their keys."""
