"""DummyCache: nothing to inspect."""

from __future__ import annotations

from typing import Any

import pytest

from django_cachex.inspectors import Inspector
from tests.inspectors.contract import InspectorContract


class TestDummy(InspectorContract):
    abilities = frozenset()
    shares_store = False

    @pytest.fixture
    def params(self) -> dict[str, Any]:
        return {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}

    def test_pages_say_that_nothing_is_kept(self, inspector: Inspector) -> None:
        (note,) = inspector.notes()
        assert "doesn't store anything" in str(note)
        assert str(inspector.unsupported_reason("can_list")) == "This cache doesn't store anything."

    def test_the_configuration_is_all_there_is(self, inspector: Inspector) -> None:
        assert inspector.info() == ()
        assert inspector.configuration().fields[0].value == inspector.params["BACKEND"]
