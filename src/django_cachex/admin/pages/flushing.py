"""A flush that takes many steps: how far it has come, and what carries it on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin.access import FLUSH, visible_aliases
from django_cachex.admin.helptexts import flushing_help
from django_cachex.admin.pages.base import Page
from django_cachex.admin.pages.flush import Flushing
from django_cachex.admin.pages.working import run_cards, step_notices, working
from django_cachex.admin.parts import Action, Button, Heading
from django_cachex.admin.runs import Run, Step
from django_cachex.admin.tokens import seal, unseal
from django_cachex.inspectors import inspector_for

RUN = "flush run"


class FlushingPage(Page):
    """One cache after the other, each from the state that the page carries."""

    act = FLUSH
    title = gettext_lazy("Flush")
    template_name = "admin/django_cachex/working.html"

    @classmethod
    def begun(cls, page: Page, flushes: Sequence[Flushing]) -> HttpResponse:
        """Return this page, reached from another that has taken the first step."""
        self = cls(site=page.site)
        self.setup(page.request)
        return self.shown(flushes, Step(flushes[0].run))

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Lead to the caches: without what a page carries there is nothing to go on with."""
        return self.go(self.links.caches())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        flushes = self.carried()
        unfinished = [one for one in flushes if not one.run.work.complete]
        if not unfinished:
            return self.go(self.links.caches())
        [current, *_others] = unfinished
        self.require(FLUSH, current.inspector)
        step = current.step(self)
        after = [Flushing(one.inspector, step.run) if one is current else one for one in flushes]
        return self.shown(after, step)

    def carried(self) -> list[Flushing]:
        """Return the flushes that the page carries; those that are not good here are left out."""
        given = self.request.POST
        found = []
        for alias, token in zip(given.getlist("cache"), given.getlist("state"), strict=False):
            if alias not in visible_aliases():
                continue
            try:
                state = unseal(token, RUN, self.request.user.pk, alias)
            except ValueError:
                self.say(_("That page has expired: nothing was changed."))
                continue
            found.append(Flushing(inspector_for(alias), Run.of_state(state)))
        return found

    def shown(self, flushes: Sequence[Flushing], step: Step) -> HttpResponse:
        """Show how far the flushes have come after a step of one of them."""
        self.notices += step_notices(step)
        unfinished = [one for one in flushes if not one.run.work.complete]
        current = unfinished[0] if unfinished else flushes[-1]
        failed = step.error is not None or step.is_stuck
        context = self.get_context_data(
            working=working(
                current.said().rstrip("."),
                current.run.work.position,
                Button(_("Continue"), "run", "primary"),
                [pair for one in flushes for pair in self.hidden(one)],
                automatic=not failed,
                action=self.links.flushing(),
            ),
            said=[one.said() for one in flushes if one is not current],
            cards=[card for one in flushes for card in run_cards(one.run, one.inspector)],
            heading=self.heading_of(flushes),
            # No link may lead back here: it would leave the run behind.
            actions=(),
            help=flushing_help(),
            help_close="",
            after=[Action("back", _("Back to the caches"), self.links.caches())],
        )
        return self.render_to_response(context)

    def hidden(self, one: Flushing) -> list[tuple[str, str]]:
        alias = one.inspector.alias
        token = seal(one.run.state(), RUN, self.request.user.pk, alias)
        return [("cache", alias), ("state", token)]

    def heading_of(self, flushes: Sequence[Flushing]) -> Heading:
        if len(flushes) == 1:
            alias = flushes[0].inspector.alias
            return Heading(_('Flush "%(alias)s"') % {"alias": alias}, kind="question")
        text = ngettext("Flush %(count)s cache", "Flush %(count)s caches", len(flushes))
        return Heading(text % {"count": len(flushes)}, kind="question")

    def trail(self) -> Sequence[Action]:
        return [Action("flush", _("Flush"), "")]
