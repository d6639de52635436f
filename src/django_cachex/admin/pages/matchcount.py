"""Which keys match and what they are: the pages before anything is done to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from django.http import Http404, HttpResponse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from django_cachex.admin import deeds
from django_cachex.admin.deeds import Deed
from django_cachex.admin.forms import ExpireForm
from django_cachex.admin.helptexts import matching_help
from django_cachex.admin.links import LONGEST_ID
from django_cachex.admin.pages.carrying import CarryingPage
from django_cachex.admin.pages.counting import count_on
from django_cachex.admin.pages.matched import OF_THE_PAGE, matched_cards, matched_progress
from django_cachex.admin.pages.working import working
from django_cachex.admin.parts import Action, Button, Empty, Heading, Topic
from django_cachex.admin.searching import Search
from django_cachex.admin.sessions import is_session
from django_cachex.conf import limits
from django_cachex.inspectors.edits import Keep
from django_cachex.inspectors.jobs import Work
from django_cachex.inspectors.namespaces import Sorting, Survey
from django_cachex.inspectors.query import Scope
from django_cachex.inspectors.types import Listing

COUNT = "count"
"""What the tokens of a count are of."""

PASSING = (*OF_THE_PAGE, "run")
"""Parameters of the URL that do not say which keys are meant, or what for."""


class MatchCount(CarryingPage):
    """What is asked for, and a count of the keys that it is about."""

    deed: Deed

    # What is asked for.

    def pass_gate(self) -> None:
        super().pass_gate()
        name = self.request.GET.get("act") or deeds.DELETING.name
        if name not in deeds.ON_MATCHING:
            raise Http404(_("There is no such act on all matching keys."))
        self.deed = deeds.ON_MATCHING[name]
        self.require(self.deed.act, self.inspector)

    @cached_property
    def search(self) -> Search:
        return Search.read(self.request.GET, self.inspector, self.gate)

    @cached_property
    def when(self) -> ExpireForm:
        """What the URL says of the expiry that keys are given."""
        given = self.request.GET.get("ttl", "")
        return ExpireForm({"never": "on"} if given == "never" else {"timeout": given})

    @property
    def ttl(self) -> int | None:
        """What the deed gives to keys: milliseconds, `NEVER`, or None where it deletes them."""
        if self.deed is deeds.DELETING or not self.when.is_valid():
            return None
        ttl = self.when.ttl
        return None if isinstance(ttl, Keep) else ttl

    def refusal(self) -> str:
        """Return why nothing can be done, or nothing."""
        if not self.inspector.can_list:
            return str(self.inspector.why_not("can_list"))
        if self.search.problem:
            return self.search.problem
        if not self.search.query.pattern.text:
            return _("Search first: an empty pattern never stands for all keys. * does.")
        if self.search.query.scope is not Scope.VERSION:
            return _("Only keys of this cache's own version can be changed by a pattern.")
        # A filter that is left out would have more keys changed than were asked for.
        return " ".join(str(notice.text) for notice in self.search.notices)

    # Counting what matches.

    def matching(self, token: str, want: int, deadline: float) -> Listing:
        """Return some of the keys that the deed is to be done to."""
        # "*" narrows nothing, and still finds no sessions here.
        query = replace(self.search.query, exclude=self.gate.exclude(self.inspector, narrows=True))
        listing = self.inspector.scan(query, token, want, deadline)
        keys = self.gate.those_allowed(self.deed.act, self.inspector, listing.keys)
        return replace(listing, keys=keys)

    @cached_property
    def sorting(self) -> Sorting:
        return Sorting(limits().namespace_separator, is_session=is_session(self.inspector))

    def survey(self, token: str) -> Work[Survey] | None:
        """Return what a token says was counted, or None where it is not good here."""
        state = self.unsealed(COUNT, token)
        if state is None:
            return None
        return Work.of_state(state, lambda counts: Survey.of_state(counts, self.sorting))

    def counted(self, work: Work[Survey] | None) -> HttpResponse:
        """Go on counting for one budget, and show what was counted."""
        work, goes_on = count_on(self, work or Work(Survey(self.sorting)), self.matching)
        found = work.deed.whole.keys
        submit = deeds.submit(self.ttl, found, work.complete)
        return self.show(
            working=working(
                matched_progress(work),
                work.position,
                Button(_("Count on"), "count"),
                [("state", self.sealed(COUNT, work.state()))],
                [Button(f"{submit} …", "ask", "danger-quiet")] if found else [],
                automatic=goes_on,
            ),
            cards=matched_cards(work.deed, self.inspector, self.gate, self.links),
            empty=self.nothing() if work.complete and not found else None,
        )

    def nothing(self) -> Empty:
        return Empty(
            _("No key matches"),
            _("Check the spelling: * stands for anything, and upper and lower case differ."),
            [Action("back", _("Back to the keys"), self.back(), "primary")],
        )

    # What the page carries.

    def bound_to(self, what: str) -> tuple[str, Any, str, str]:
        """Return what a token is good for: one deed to one search of one cache by one person."""
        given = self.request.GET.dict()
        meant = sorted((name, text) for name, text in given.items() if name not in PASSING)
        act = f"{self.deed.name} {what}"
        return (act, self.request.user.pk, self.inspector.alias, urlencode(meant))

    # The frame.

    def show(self, **context: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(**context))

    def back(self) -> str:
        left = ("act", "ttl", "run", "token", "help", "cache")
        given = self.request.GET.dict()
        state = {name: value for name, value in given.items() if name not in left}
        back = self.links.keys(self.inspector.alias, **state)
        return back if len(back) <= LONGEST_ID else self.links.keys(self.inspector.alias)

    def heading(self) -> Heading:
        subject = deeds.which(self.search.query)
        if self.deed is deeds.EXPIRING and self.ttl is None:
            return Heading(
                _("Expire all keys that %(which)s") % {"which": subject}, kind="question"
            )
        return Heading(deeds.doing(self.ttl, subject), kind="question")

    def trail(self) -> Sequence[Action]:
        return [
            *self.cache_trail(),
            Action(f"{self.deed.name}-matching", self.deed.step, self.here(run="")),
        ]

    def help(self) -> Sequence[Topic]:
        return matching_help()
