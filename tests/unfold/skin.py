"""Which tests need Unfold in the process that runs them."""

import pytest
from django.conf import settings

under_unfold = pytest.mark.skipif(settings.SKIN != "unfold", reason="run with SKIN=unfold")
