"""Acting on all keys that match: what they are, one question, then the deed in steps."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import deeds
from django_cachex.admin.access import SEE_KEYS
from django_cachex.admin.forms import ExpireForm
from django_cachex.admin.links import LONGEST_ID
from django_cachex.admin.pages.matchcount import MatchCount
from django_cachex.admin.pages.matched import consequences
from django_cachex.admin.pages.report import report
from django_cachex.admin.pages.working import run_cards, running, step_notices
from django_cachex.admin.parts import Action, Confirm, FormBox
from django_cachex.admin.runs import Run, Runner, Step, begin
from django_cachex.inspectors.edits import Keep
from django_cachex.inspectors.jobs import Work
from django_cachex.inspectors.namespaces import Survey
from django_cachex.inspectors.types import TTL_NONE

RUN = "run"
"""What the tokens of a run are of."""


class MatchingPage(MatchCount):
    act = SEE_KEYS
    title = gettext_lazy("All matching keys")
    template_name = "admin/django_cachex/working.html"
    shows_notes = False

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
            on = self.here(ttl="never" if form.ttl == TTL_NONE else f"{form.ttl // 1000}")
            return self.go(on if len(on) <= LONGEST_ID else self.back())
        cancel = Action("cancel", _("Cancel"), self.back())
        return self.show(expiring=FormBox(form, "count", _("Look at what matches"), cancel))

    # The question, and the deed.

    def asked(self, work: Work[Survey]) -> HttpResponse:
        subject = deeds.which(self.search.query)
        return self.confirm(
            Confirm(
                question=deeds.question(self.ttl, subject, self.inspector.alias),
                step=_("Confirm"),
                consequences=consequences(work, self.ttl),
                submit=deeds.submit(self.ttl, work.deed.whole.keys, work.complete),
                back=Action("cancel", _("Cancel, keep them"), self.back()),
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
        history = [Action("history", _("History"), self.links.cache_history(alias))]
        return self.show(
            working=running(step, token, self.here(run=token), automatic),
            cards=run_cards(step.run, self.inspector),
            after=[
                Action("back", _("Back to the keys"), self.back()),
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
