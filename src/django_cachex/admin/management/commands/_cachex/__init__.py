"""What `manage.py cachex` says and does."""
