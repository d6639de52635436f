"""Under Unfold our pages look like Unfold's own, but for what differs on purpose."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings

from tests.browser.visit import Visit

if django_settings.SKIN != "unfold":
    pytest.skip("run with SKIN=unfold", allow_module_level=True)

from tests.browser import unfold_site
from tests.browser.likeness import EXCUSES, findings
from tests.browser.pairs import PAIRS


# Unfold's own lists, under Django 6.1.
@pytest.mark.filterwarnings("ignore:Overriding get_action_choices")
def test_ours_look_like_unfolds(visit: Visit, settings: Any) -> None:
    settings.ROOT_URLCONF = unfold_site.__name__
    settings.UNFOLD = unfold_site.UNFOLD
    different = [one for one in findings(visit) if not one.is_same]
    assert [str(one) for one in different if not one.excuse] == []
    assert {one.excuse for one in different} == {one.reason for one in EXCUSES}


def test_only_what_is_compared_is_excused() -> None:
    assert {name for one in EXCUSES for name in one.elements} <= set(PAIRS)
    compared = {name for pair in PAIRS.values() for name in pair.properties}
    assert {name for one in EXCUSES for name in one.properties} <= compared
