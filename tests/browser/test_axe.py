"""axe-core has nothing to say about our part of any page."""

from __future__ import annotations

from importlib import resources

import pytest

from tests.browser.looks import LOOKS
from tests.browser.places import PLACES
from tests.browser.visit import Visit

AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
RUN = """async () => {
    const { violations } = await axe.run({ include: [[".cx"], [".cx-breadcrumbs"]] });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}"""
OFTEN = ("keys", "key-hash", "key-long-name", "delete-confirm")


@pytest.mark.parametrize(
    "place",
    [place if place in OFTEN else pytest.param(place, marks=pytest.mark.slow) for place in PLACES],
)
def test_page_has_no_fault_that_axe_finds(visit: Visit, place: str) -> None:
    PLACES[place](visit)
    visit.page.evaluate(AXE)
    found = {}
    for name, look in LOOKS.items():
        look.show(visit.page)
        found[name] = visit.page.evaluate(RUN)
    assert found == {name: [] for name in LOOKS}
