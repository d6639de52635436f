"""The views of the cache admin: one class for each page. A GET request changes nothing."""
