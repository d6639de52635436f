"""Which namespaces a cache's keys are of, what they weigh, and when they expire."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin.access import SEE_NAMESPACES
from django_cachex.admin.helptexts import namespaces_help
from django_cachex.admin.pages.caches import BADGES
from django_cachex.admin.pages.carrying import CarryingPage
from django_cachex.admin.pages.counting import count_on
from django_cachex.admin.pages.matched import counted_progress
from django_cachex.admin.pages.surveyed import Surveyed
from django_cachex.admin.pages.working import working
from django_cachex.admin.parts import Action, Button, Empty, Heading, Topic
from django_cachex.admin.sessions import is_session
from django_cachex.conf import limits
from django_cachex.inspectors.jobs import Work
from django_cachex.inspectors.namespaces import Sorting, Survey
from django_cachex.inspectors.patterns import Pattern
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.types import Listing

NAMESPACES = "namespaces"
"""What its tokens are of."""

SAMPLE, ALL = "sample", "all"
"""How much is counted: enough to tell, or everything."""


class NamespacesPage(CarryingPage):
    act = SEE_NAMESPACES
    title = gettext_lazy("Namespaces")
    template_name = "admin/django_cachex/namespaces.html"
    expired = gettext_lazy("That page has expired or is not of this cache: this counts anew.")

    def alias(self) -> str:
        return unquote(self.kwargs["object_id"])

    @cached_property
    def under(self) -> str:
        """What the names begin with; a `*` is no part of it."""
        return self.request.GET.get("under", "").replace("*", "")

    @cached_property
    def sorting(self) -> Sorting:
        separator = limits().namespace_separator
        return Sorting(separator, self.under, is_session(self.inspector))

    def matching(self, token: str, want: int, deadline: float) -> Listing:
        query = Query(self.pattern)
        # No search finds sessions letter by letter.
        exclude = self.gate.exclude(self.inspector, query.narrows)
        return self.inspector.scan(replace(query, exclude=exclude), token, want, deadline)

    @cached_property
    def pattern(self) -> Pattern:
        return Pattern(f"{self.under}*" if self.under else "")

    # What the page carries.

    def bound_to(self, what: str) -> tuple[str, Any, str, str]:
        """Return what a token is good for: the keys under one name, taken apart in one way."""
        meant = json.dumps([self.under, self.sorting.separator])
        return (what, self.request.user.pk, self.inspector.alias, meant)

    def carried(self) -> Work[Survey]:
        """Return what was counted so far; without a token that is good here, nothing."""
        state = self.unsealed(NAMESPACES, self.request.POST.get("state", ""))
        if state is None:
            return Work(Survey(self.sorting))
        return Work.of_state(state, lambda counts: Survey.of_state(counts, self.sorting))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        if not self.inspector.names_are_known:
            return super().get_context_data(empty=nameless(), **kwargs)
        problem = self.pattern.problem
        if problem:
            return super().get_context_data(empty=too_long(problem, self.here(under="")), **kwargs)
        work, goes_on = count_on(self, self.carried(), self.matching)
        survey, position = work.deed, work.position
        wanted = ALL if self.request.POST.get("step") == ALL else SAMPLE
        enough = wanted == SAMPLE and position.examined >= limits().namespace_sample
        more = Button(_("Count everything"), ALL, "primary") if enough else _count_on(wanted)
        if (
            not position.examined and not position.complete
        ):  # It failed at once: why is said already.
            return super().get_context_data(**kwargs)
        found = Surveyed(work, self.inspector, self.gate, self.links)
        return super().get_context_data(
            working=working(
                counted_progress(survey.whole.keys),
                position,
                more,
                [("state", self.sealed(NAMESPACES, work.state()))],
                automatic=goes_on and not enough,
            ),
            honesty=found.honesty(),
            bars=found.bars(),
            table=found.table() if survey.whole.keys else None,
            expiries=found.expiries(),
            largest=found.largest(),
            empty=self.nothing() if work.complete and not survey.whole.keys else None,
            **kwargs,
        )

    def nothing(self) -> Empty:
        if self.under:
            whole = Action("all-namespaces", _("All namespaces"), self.here(under=""), "primary")
            return Empty(_("No key begins so"), _("All were examined."), [whole])
        return Empty(
            _("This cache is empty"), _("It holds no key with this cache's prefix and version.")
        )

    # The frame.

    def heading(self) -> Heading:
        what = _("namespaces")
        if self.under:
            what = _("namespaces under %(under)s") % {"under": self.under}
        return Heading(self.inspector.alias, what, badge=BADGES[self.inspector.support])

    def trail(self) -> Sequence[Action]:
        here = self.links.namespaces(self.inspector.alias)
        inside = [Action("inside", f"{self.under}*", "")] if self.under else []
        return [*self.cache_trail(), Action("namespaces", _("Namespaces"), here), *inside]

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()

    def help(self) -> Sequence[Topic]:
        return namespaces_help(self.inspector)


def _count_on(wanted: str) -> Button:
    return Button(_("Count on"), wanted)


def too_long(problem: str, whole: str) -> Empty:
    """Return why no name begins so that namespaces could be counted under."""
    all_of_them = Action("all-namespaces", _("All namespaces"), whole, "primary")
    return Empty(_("This is too long to search for"), problem, [all_of_them])


def nameless() -> Empty:
    """Return why keys whose names nobody knows have no namespaces."""
    return Empty(
        _("No namespaces here"),
        _("This store knows its keys by a hash: their names cannot be told from it."),
    )
