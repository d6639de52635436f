"""What `test_fuzz` is made of: a world of caches, texts that nobody expects, and requests."""
