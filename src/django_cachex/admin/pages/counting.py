"""Counting keys, one budget at a time."""

from __future__ import annotations

import time

from django_cachex.admin.pages.base import CachePage
from django_cachex.admin.pages.working import about
from django_cachex.conf import limits
from django_cachex.inspectors.jobs import Find, Work, advance
from django_cachex.inspectors.namespaces import Survey


def count_on(page: CachePage, work: Work[Survey], find: Find) -> tuple[Work[Survey], bool]:
    """Go on counting for one budget; return what was counted, and whether that led further."""
    works = [work]

    def count() -> None:
        deadline = time.monotonic() + limits().scan_budget
        for more in advance(work, find, page.inspector, deadline):
            works.append(more)  # noqa: PERF402  # What is there already stays.

    answer = page.ask(page.inspector, count)
    after = works[-1]
    page.notices += about(after.position)
    came_further = after.position.token != work.position.token
    return after, answer.error is None and came_further
