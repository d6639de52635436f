"""Which tests are for one of the skins alone."""

import pytest
from django.conf import settings

under_unfold = pytest.mark.skipif(settings.SKIN != "unfold", reason="run with SKIN=unfold")
under_admin = pytest.mark.skipif(
    settings.SKIN != "admin", reason="Unfold needs scripts, and styles in its markup"
)
WITHOUT_SCRIPTS = pytest.param(
    {"java_script_enabled": False}, id="without-javascript", marks=under_admin
)
"""A `context` of a browser that runs no scripts."""
