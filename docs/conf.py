"""Sphinx: `make docs`."""

from importlib.metadata import version as installed_version

project = "django-cachex"
author = "The django-cachex developers"
version = release = installed_version("django-cachex")

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"{project} {release}"
html_show_sourcelink = False
html_copy_source = False
