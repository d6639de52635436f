import pytest
from tests.browser.likeness import findings
def test_x(visit, settings):
    from tests.browser import unfold_site
    settings.ROOT_URLCONF = "tests.browser.unfold_site"
    settings.UNFOLD = unfold_site.UNFOLD
    last = None
    for one in findings(visit):
        if not one.is_same:
            print(f"{one.theme:5} {one.element:28} {one.property:15} | {one.ours:50} | {one.unfolds}")
