"""Acting on all keys that match: what they are, one question, then the deed in steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import deeds
from django_cachex.admin.access import SEE_KEYS
from django_cachex.admin.forms import ExpireForm
from django_cachex.admin.helptexts import matching_help
from django_cachex.admin.pages.base import CachePage
from django_cachex.admin.pages.counting import count_on
from django_cachex.admin.pages.matched import (
    OF_THE_PAGE,
    consequences,
    matched_cards,
    matched_progress,
)
from django_cachex.admin.pages.report import report
from django_cachex.admin.pages.working import run_cards, running, step_notices, working
from django_cachex.admin.parts import (
    Action,
    Button,
    Confirm,
    Empty,
    FormBox,
    Heading,
    Notice,
    Topic,
)
from django_cachex.admin.runs import Run, Runner, Step, begin
from django_cachex.admin.searching import Search
from django_cachex.admin.sessions import session_prefix
from django_cachex.admin.tokens import seal, unseal
from django_cachex.inspectors.edits import Keep
from django_cachex.inspectors.entries import NEVER, Listing
from django_cachex.inspectors.limits import limits
from django_cachex.inspectors.query import Scope
from django_cachex.inspectors.work import Sorting, Survey, Work

COUNT, RUN = "count", "run"
PASSING = (*OF_THE_PAGE, "run")
"""Parameters of the URL that do not say which keys are meant, or what for."""


class MatchingPage(CachePage):
    act = SEE_KEYS
    title = gettext_lazy("All matching keys")
    template_name = "admin/django_cachex/working.html"
    shows_notes = False

    # What is asked for.

    def pass_gate(self) -> None:
        super().pass_gate()
        self.deed = deeds.ON_MATCHING.get(self.request.GET.get("act", ""), deeds.DELETING)
        self.require(self.deed.act, self.inspector)
        self.inspector.unlisted = self.gate.secrets_of(self.inspector)

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
        if not self.search.query.pattern.text:
            return _("Search first: an empty pattern never stands for all keys. * does.")
        if self.search.query.scope is not Scope.VERSION:
            return _("Only keys of this cache's own version can be changed by a pattern.")
        # A filter that is left out would have more keys changed than were asked for.
        return " ".join(str(notice.text) for notice in self.search.notices)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.answer(lambda: self.shown(request.GET.get("run", "")))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.answer(self.done)

    def answer(self, proceed: Any) -> HttpResponse:
        """Return why nothing can be done, the form for the expiry, or what `proceed` returns."""
        why = self.refusal()
        if why:
            self.say(_("Nothing done. %(why)s") % {"why": why}, messages.WARNING)
            return self.go(self.back())
        if self.deed is deeds.EXPIRING and self.ttl is None:
            return self.ask_when()
        response: HttpResponse = proceed()
        return response

    def done(self) -> HttpResponse:
        """Return what a button of this page leads to."""
        step, token = self.request.POST.get("step", ""), self.request.POST.get("state", "")
        if step == "run":
            return self.carried_on(token)
        if step == "report":
            return self.reported(token)
        work = self.survey(token)
        return self.asked(work) if step == "ask" and work is not None else self.counted(work)

    def ask_when(self) -> HttpResponse:
        """Return the form that asks when keys are to expire, or lead on with what it says."""
        form = ExpireForm(self.request.POST) if "timeout" in self.request.POST else ExpireForm()
        if form.is_bound and form.is_valid() and not isinstance(form.ttl, Keep):
            return self.go(self.here(ttl="never" if form.ttl == NEVER else f"{form.ttl // 1000}"))
        cancel = Action(_("Cancel"), self.back())
        return self.show(expiring=FormBox(form, submit=_("Look at what matches"), cancel=cancel))

    # Counting what matches.

    def matching(self, token: str, want: int, deadline: float) -> Listing:
        """Return some of the keys that the deed is to be done to."""
        listing = self.inspector.scan(self.search.query, token, want, deadline)
        keys = self.gate.those_allowed(self.deed.act, self.inspector, listing.keys)
        return replace(listing, keys=keys)

    @cached_property
    def sorting(self) -> Sorting:
        sessions = session_prefix(self.inspector) if self.gate.is_superuser else None
        return Sorting(limits().namespace_separator, sessions=sessions)

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
            [Action(_("Back to the keys"), self.back(), "primary")],
        )

    # The question, and the deed.

    def asked(self, work: Work[Survey]) -> HttpResponse:
        subject = deeds.which(self.search.query)
        return self.confirm(
            Confirm(
                question=deeds.question(self.ttl, subject, self.inspector.alias),
                step=_("Confirm"),
                consequences=consequences(work, self.ttl),
                submit=deeds.submit(self.ttl, work.deed.whole.keys, work.complete),
                back=Action(_("Cancel, keep them"), self.back()),
                hidden=[("step", "run"), ("state", self.sealed(RUN, begin(self.ttl).state()))],
            )
        )

    def carried_on(self, token: str) -> HttpResponse:
        """Carry a run on by one step, and show how far it has come."""
        state = self.unsealed(RUN, token)
        if state is None:
            return self.counted(None)
        runner = Runner(self.inspector, self.request.user.pk, self.deed, self.matching, self.said)
        step = runner.step(Run.of_state(state), self.ask)
        return self.run_shown(step, automatic=True)

    def shown(self, token: str) -> HttpResponse:
        """Show the run in the URL, which goes on when the person says so; else begin to count."""
        state = self.unsealed(RUN, token)
        if state is None:
            return self.counted(None)
        return self.run_shown(Step(Run.of_state(state)), automatic=False)

    def run_shown(self, step: Step, automatic: bool) -> HttpResponse:
        self.notices += step_notices(step)
        token = self.sealed(RUN, step.run.state())
        alias = self.inspector.alias
        history = [Action(_("History"), self.links.cache_history(alias))]
        return self.show(
            working=running(step, token, self.here(run=token), automatic),
            cards=run_cards(step.run, self.inspector),
            after=[
                Action(_("Back to the keys"), self.back()),
                *(history if self._sees_caches() else []),
            ],
        )

    def reported(self, token: str) -> HttpResponse:
        """Return the report of a run as a file."""
        state = self.unsealed(RUN, token)
        if state is None:
            return self.counted(None)
        work = Run.of_state(state).work
        return report(self.inspector, self.deed.name, self.said(work), work)

    @property
    def said(self) -> Any:
        return deeds.swept(self.search.query)

    # What the page carries.

    def bound_to(self, what: str) -> tuple[str, Any, str, str]:
        """Return what a token is good for: one deed to one search of one cache by one person."""
        given = self.request.GET.dict()
        meant = sorted((name, text) for name, text in given.items() if name not in PASSING)
        act = f"{self.deed.name} {what}"
        return (act, self.request.user.pk, self.inspector.alias, urlencode(meant))

    def sealed(self, what: str, state: Any) -> str:
        return seal(state, *self.bound_to(what))

    def unsealed(self, what: str, token: str) -> Any:
        """Return the state in a token; None for no token, and for one that is not good here."""
        try:
            return unseal(token, *self.bound_to(what)) if token else None
        except ValueError:
            text = _("That page has expired or is not of this search: nothing was changed.")
            self.notices.append(Notice(text, "warning"))
            return None

    # The frame.

    def show(self, **context: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(**context))

    def back(self) -> str:
        left = ("act", "ttl", "run", "token", "help", "cache")
        given = self.request.GET.dict()
        state = {name: value for name, value in given.items() if name not in left}
        return self.links.keys(self.inspector.alias, **state)

    def heading(self) -> Heading:
        subject = deeds.which(self.search.query)
        if self.deed is deeds.EXPIRING and self.ttl is None:
            return Heading(
                _("Expire all keys that %(which)s") % {"which": subject}, kind="question"
            )
        return Heading(deeds.doing(self.ttl, subject), kind="question")

    def trail(self) -> Sequence[Action]:
        return [*self.cache_trail(), Action(self.deed.step, self.here(run=""))]

    def help(self) -> Sequence[Topic]:
        return matching_help()
