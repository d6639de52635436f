"""The subcommands of `manage.py cachex`."""
