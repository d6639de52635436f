"""Bulk actions on all keys that match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import bulk, formatting
from django_cachex.admin.bulk import Deed, Run, Runner, Step, begin
from django_cachex.admin.components import (
    Action,
    Button,
    Card,
    Cell,
    Confirm,
    Empty,
    FactLine,
    FormBox,
    Header,
    Heading,
    Row,
    Table,
)
from django_cachex.admin.forms.base import ExpireForm
from django_cachex.admin.forms.search import Search
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.links import LONGEST_ID, Links
from django_cachex.admin.permissions import SEE_KEYS, Gate
from django_cachex.admin.sessions import is_session, masked
from django_cachex.admin.views.base import CachePage, CarryingPage, bytes_cell
from django_cachex.admin.views.keys_table import how_far
from django_cachex.admin.views.progress import (
    count_on,
    report,
    run_cards,
    running,
    step_notices,
    working,
)
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import Keep
from django_cachex.inspectors.jobs import Work
from django_cachex.inspectors.namespaces import Sorting, Survey
from django_cachex.inspectors.query import Query, Scope
from django_cachex.inspectors.types import TTL_NONE, Listing

MOST_NAMESPACES = 10


OF_THE_PAGE = ("token", "size", "sort", "columns", "live", "begun", "help", "cache")
"""Parameters of the key browser that do not say which keys are meant."""


def offers(page: CachePage, query: Query) -> list[Action]:
    """Return what can be done to all keys that a search finds, within the person's permissions."""
    if not query.pattern.text or query.scope is not Scope.VERSION:
        return []
    given = page.request.GET.dict()
    search = {name: text for name, text in given.items() if name not in OF_THE_PAGE}
    return [
        Action(
            f"{deed.name}-matching",
            deed.step,
            page.links.matching(page.inspector.alias, act=deed.name, **search),
            kind,
        )
        for deed, kind in ((bulk.EXPIRING, ""), (bulk.DELETING, "danger"))
        if page.gate.allowed(deed.act, page.inspector)
    ]


def matched_progress(work: Work[Survey]) -> str:
    """Return how many keys match."""
    found = work.deed.whole.keys
    text = ngettext("%(count)s key matches", "%(count)s keys match", found)
    if not work.complete:
        text = ngettext("%(count)s key matches so far", "%(count)s keys match so far", found)
    return text % {"count": formatting.number(found)}


def counted_progress(found: int) -> str:
    """Return how many keys of a cache were counted."""
    text = ngettext("%(count)s key counted", "%(count)s keys counted", found)
    return text % {"count": formatting.number(found)}


def matched_cards(survey: Survey, inspector: Inspector, gate: Gate, links: Links) -> list[Card]:
    """Return what they are, which namespaces they are of, and some of them by name."""
    if not survey.whole.keys:
        return []
    cards = [Card(_("Matching keys"), facts(survey, inspector))]
    namespaces = survey.tree.under(())[:MOST_NAMESPACES]
    if namespaces:
        cards.append(Card(_("Namespaces"), table=namespace_table(survey, inspector)))
    names = [named(stored, inspector, gate, links) for stored in survey.sample]
    title = _("All of the keys") if len(names) == survey.whole.keys else _("Some of the keys")
    return [*cards, Card(title, items=names)]


def facts(survey: Survey, inspector: Inspector) -> list[FactLine]:
    """Return the figures of the keys that match."""
    whole = survey.whole
    found = [FactLine(_("Keys"), formatting.number(whole.keys))]
    if survey.weighed:
        text, exact = formatting.size_with_exact(whole.memory)
        found.append(FactLine(memory_label(inspector), text, exact=exact))
    if survey.timed:
        found.append(FactLine(_("Never expire"), formatting.number(whole.immortal)))
    if survey.sessions:
        note = _("Their users will have to log in again.")
        found.append(FactLine(_("Sessions"), formatting.number(survey.sessions), note=note))
    if survey.locks:
        note = _("Judging by their names. They may be in use right now.")
        found.append(FactLine(_("Look like locks"), formatting.number(survey.locks), note=note))
    return found


def memory_label(inspector: Inspector) -> str:
    return _("Memory") if "memory" in inspector.figures else _("Size of values")


def namespace_table(survey: Survey, inspector: Inspector) -> Table:
    """Return the heaviest namespaces of the keys that match."""
    separator = limits().namespace_separator
    rows = [
        Row(
            [
                Cell(f"{path[-1]}{separator}*", kind="key"),
                Cell(formatting.number(branch.weight.keys), kind="number"),
                *([bytes_cell(branch.weight.memory)] if survey.weighed else []),
            ]
        )
        for path, branch in survey.tree.under(())[:MOST_NAMESPACES]
    ]
    headers = [
        Header(_("Namespace")),
        Header(_("Keys"), "number"),
        *([Header(memory_label(inspector), "number")] if survey.weighed else []),
    ]
    return Table(headers, rows, caption=_("Namespaces"), compact=True)


def named(stored: bytes, inspector: Inspector, gate: Gate, links: Links) -> Action:
    """Return a key by its name, with a link where the person may open it."""
    name = inspector.name(stored)
    if gate.is_secret(inspector, stored):
        return Action("open", formatting.name(masked(name)), "")
    opens = gate.allowed(SEE_KEYS, inspector, stored)
    return Action(
        "open", formatting.name(name), links.key(inspector.alias, stored) if opens else ""
    )


def consequences(work: Work[Survey], ttl: int | None) -> Sequence[str]:
    """Return what the person should know before it is done."""
    survey = work.deed
    how = how_far(work.position.examined, work.position)
    said = [f"{matched_progress(work)}, {how}.", bulk.consequence(ttl)]
    if not work.complete:
        said.append(_("Matching keys that are found later are included."))
    if survey.sessions:
        text = ngettext(
            "%(count)s of them is a session. Its user will have to log in again.",
            "%(count)s of them are sessions. Their users will have to log in again.",
            survey.sessions,
        )
        said.append(text % {"count": formatting.number(survey.sessions)})
    if survey.locks:
        text = ngettext(
            "%(count)s of them looks like a lock, which may be in use.",
            "%(count)s of them look like locks, which may be in use.",
            survey.locks,
        )
        said.append(text % {"count": formatting.number(survey.locks)})
    return said


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
        name = self.request.GET.get("act") or bulk.DELETING.name
        if name not in bulk.ON_MATCHING:
            raise Http404(_("There is no such action for all matching keys."))
        self.deed = bulk.ON_MATCHING[name]
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
        if self.deed is bulk.DELETING or not self.when.is_valid():
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
            return _(
                "Search for something first. An empty search doesn't mean all keys; use * for that."
            )
        if self.search.query.scope is not Scope.VERSION:
            return _("Only keys of this cache's own version can be changed all at once.")
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
        submit = bulk.submit(self.ttl, found, work.complete)
        return self.show(
            working=working(
                matched_progress(work),
                work.position,
                Button(_("Continue counting"), "count"),
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
            _("Check the spelling. Searches are case-sensitive, and * matches any text."),
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
        subject = bulk.which(self.search.query)
        if self.deed is bulk.EXPIRING and self.ttl is None:
            return Heading(
                _("Expire all keys that %(which)s") % {"which": subject}, kind="question"
            )
        return Heading(bulk.doing(self.ttl, subject), kind="question")

    def trail(self) -> Sequence[Action]:
        return [
            *self.cache_trail(),
            Action(f"{self.deed.name}-matching", self.deed.step, self.here(run="")),
        ]

    def help(self) -> HelpPanel:
        return HelpPanel("bulk")


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
        if self.deed is bulk.EXPIRING and self.ttl is None:
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
        return self.show(expiring=FormBox(form, "count", _("Show matching keys"), cancel))

    # The question, and the deed.

    def asked(self, work: Work[Survey]) -> HttpResponse:
        subject = bulk.which(self.search.query)
        return self.confirm(
            Confirm(
                question=bulk.question(self.ttl, subject, self.inspector.alias),
                step=_("Confirm"),
                consequences=consequences(work, self.ttl),
                submit=bulk.submit(self.ttl, work.deed.whole.keys, work.complete),
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
        return bulk.swept(self.search.query)
