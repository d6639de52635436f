"""The people and caches of the admin's tests."""

from tests.admin.conftest import (  # noqa: F401  # fixtures
    _database,
    admin,
    browser_of,
    caches_of_every_kind,
    configure,
    database_table,
    superuser,
    user_with,
)
