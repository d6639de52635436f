from __future__ import annotations

import pytest

from tests.inspectors.valkey.changes.subject import Subject
from tests.inspectors.valkey.conftest import Store


@pytest.fixture
def subject(store: Store) -> Subject:
    return Subject(store.inspect(), store.raw)
