"""Bulk actions on all keys that match."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import bulk, formatting
from django_cachex.admin.bulk import BulkAction, JobState, JobStep
from django_cachex.admin.components import (
    Action,
    Alert,
    Button,
    Card,
    Cell,
    Confirmation,
    EmptyState,
    FormPanel,
    Header,
    Heading,
    LabeledValue,
    Row,
    Table,
)
from django_cachex.admin.forms.base import ExpireForm
from django_cachex.admin.forms.search import CONTAINS_PARAM, Search, explain_no_match
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.links import MAX_ID_LENGTH
from django_cachex.admin.permissions import VIEW_KEYS
from django_cachex.admin.sessions import display_key, is_masked
from django_cachex.admin.views.base import BaseCacheView, make_bytes_cell
from django_cachex.admin.views.jobs import (
    KeyCount,
    StateTokens,
    make_failure_cards,
    make_job_progress,
    make_progress,
    make_report,
    make_runner,
    make_step_alerts,
)
from django_cachex.admin.views.keys_table import format_examined
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import ExpireCondition, KeepTTL
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.jobs import BulkTask, Job
from django_cachex.inspectors.namespaces import NamespaceStats
from django_cachex.inspectors.query import Query, Scope
from django_cachex.inspectors.types import TTL_NONE, ScanPage

MAX_NAMESPACES = 10

VALUES_MAY_CHANGE = gettext_lazy(
    "Keys that are found by their values can't all be changed at once, because a "
    "value may change after it was read. Select keys on the page."
)


DISPLAY_PARAMS = ("token", "size", "sort", "columns", "live", "help", "cache")
"""Parameters of the key browser that do not affect which keys match."""


def make_bulk_links(view: BaseCacheView, query: Query) -> list[Action]:
    """Return links to the bulk actions on the keys that match, if the user may use them."""
    if query.pattern.is_empty or query.scope is not Scope.VERSION or query.value_contains:
        return []
    params = view.request.GET.dict()
    search = {name: text for name, text in params.items() if name not in DISPLAY_PARAMS}
    return [
        Action(
            f"{action.name}-matching",
            bulk.link_text(action, query),
            view.links.bulk(view.inspector.alias, action=action.name, **search),
            kind,
        )
        for action, kind in ((bulk.EXPIRE_MATCHING, ""), (bulk.DELETE_MATCHING, "danger"))
        if view.checker.is_allowed(action.permission, view.inspector)
    ]


def get_bulk_note(view: BaseCacheView, query: Query) -> Text:
    """Return why there are no links to bulk actions, or an empty string."""
    allows_any = any(
        view.checker.is_allowed(action.permission, view.inspector)
        for action in bulk.MATCHING_ACTIONS.values()
    )
    return VALUES_MAY_CHANGE if query.value_contains and allows_any else ""


def format_match_count(job: Job[NamespaceStats]) -> str:
    count = job.task.total.keys
    text = ngettext("%(count)s key matches", "%(count)s keys match", count)
    if not job.complete:
        text = ngettext("%(count)s key matches so far", "%(count)s keys match so far", count)
    return text % {"count": formatting.format_number(count)}


def make_match_cards(view: BaseCacheView, stats: NamespaceStats) -> list[Card]:
    """Return cards with figures, the largest namespaces, and a sample of the keys that match."""
    if not stats.total.keys:
        return []
    cards = [Card(_("Matching keys"), make_match_values(stats, view.inspector))]
    namespaces = stats.tree.children(())[:MAX_NAMESPACES]
    if namespaces:
        cards.append(Card(_("Namespaces"), table=make_namespace_table(stats, view.inspector)))
    names = [make_key_link(view, stored) for stored in stats.examples]
    title = _("All of the keys") if len(names) == stats.total.keys else _("Some of the keys")
    return [*cards, Card(title, links=names)]


def make_match_values(stats: NamespaceStats, inspector: Inspector) -> list[LabeledValue]:
    """Return figures of the keys that match."""
    whole = stats.total
    values = [LabeledValue(_("Keys"), formatting.format_number(whole.keys))]
    if stats.keys_with_memory:
        text, exact = formatting.format_size_with_exact(whole.memory)
        values.append(LabeledValue(get_memory_label(inspector), text, exact=exact))
    if stats.keys_with_ttl:
        values.append(LabeledValue(_("Never expire"), formatting.format_number(whole.no_expiry)))
    if stats.sessions:
        note = _("Their users will have to log in again.")
        values.append(
            LabeledValue(_("Sessions"), formatting.format_number(stats.sessions), note=note)
        )
    if stats.locks:
        note = _("Judging by their names. They may be in use right now.")
        values.append(
            LabeledValue(_("Look like locks"), formatting.format_number(stats.locks), note=note)
        )
    return values


def get_memory_label(inspector: Inspector) -> str:
    return _("Memory") if "memory" in inspector.optional_columns else _("Size of values")


def make_namespace_table(stats: NamespaceStats, inspector: Inspector) -> Table:
    """Return a table of the largest namespaces of the keys that match."""
    separator = limits().namespace_separator
    rows = [
        Row(
            [
                Cell(f"{path[-1]}{separator}*", kind="key"),
                Cell(formatting.format_number(branch.usage.keys), kind="number"),
                *([make_bytes_cell(branch.usage.memory)] if stats.keys_with_memory else []),
            ]
        )
        for path, branch in stats.tree.children(())[:MAX_NAMESPACES]
    ]
    headers = [
        Header(_("Namespace")),
        Header(_("Keys"), "number"),
        *([Header(get_memory_label(inspector), "number")] if stats.keys_with_memory else []),
    ]
    return Table(headers, rows, caption=_("Namespaces"), compact=True)


def make_key_link(view: BaseCacheView, stored: bytes) -> Action:
    """Return the name of a key in a state, with a link if the user may open it."""
    inspector = view.inspector
    name = formatting.format_name(display_key(inspector, stored))
    can_open = not is_masked(stored) and view.checker.is_allowed(VIEW_KEYS, inspector, stored)
    return Action("open", name, view.links.key(inspector.alias, stored) if can_open else "")


def list_consequences(
    job: Job[NamespaceStats], ttl: int | None, condition: ExpireCondition
) -> Sequence[str]:
    """Return what the user should know before confirming."""
    stats = job.task
    examined = format_examined(job.progress.examined, job.progress)
    sentences = [f"{format_match_count(job)}, {examined}."]
    if condition is ExpireCondition.PERSISTENT:
        text = ngettext(
            "%(count)s of them never expires.",
            "%(count)s of them never expire.",
            stats.total.no_expiry,
        )
        sentences.append(text % {"count": formatting.format_number(stats.total.no_expiry)})
    sentences.append(bulk.consequence_text(ttl, condition))
    if not job.complete:
        sentences.append(_("Matching keys that aren't counted yet are included, too."))
    if stats.sessions:
        text = ngettext(
            "%(count)s of them is a session. Its user will have to log in again.",
            "%(count)s of them are sessions. Their users will have to log in again.",
            stats.sessions,
        )
        sentences.append(text % {"count": formatting.format_number(stats.sessions)})
    if stats.locks:
        text = ngettext(
            "%(count)s of them looks like a lock, which may be in use.",
            "%(count)s of them look like locks, which may be in use.",
            stats.locks,
        )
        sentences.append(text % {"count": formatting.format_number(stats.locks)})
    return sentences


UNSIGNED_PARAMS = (*DISPLAY_PARAMS, "run", "ask", "condition")
"""Parameters that a token is not bound to."""


class BulkActionView(BaseCacheView):
    """Counts the keys that match a search, and deletes or expires them after a confirmation."""

    permission = VIEW_KEYS
    title = gettext_lazy("All matching keys")
    template_name = "admin/django_cachex/job.html"
    shows_backend_notes = False

    bulk_action: BulkAction

    condition = ExpireCondition.ALWAYS
    """Which of the matching keys get the new TTL."""

    # The request.

    def check_access(self) -> None:
        super().check_access()
        name = self.request.GET.get("action") or bulk.DELETE_MATCHING.name
        if name not in bulk.MATCHING_ACTIONS:
            raise Http404(_("There is no such action for all matching keys."))
        self.bulk_action = bulk.MATCHING_ACTIONS[name]
        self.check_permission(self.bulk_action.permission, self.inspector)

    @cached_property
    def search(self) -> Search:
        return Search.from_params(self.request.GET, self.inspector, self.checker)

    @cached_property
    def expire_form(self) -> ExpireForm:
        """The form for the new TTL, with the value in the URL."""
        ttl = self.request.GET.get("ttl", "")
        return ExpireForm({"never": "on"} if ttl == "never" else {"timeout": ttl})

    @property
    def ttl(self) -> int | None:
        """The new TTL in milliseconds, or `TTL_NONE`. None if the action deletes the keys."""
        if self.bulk_action is bulk.DELETE_MATCHING or not self.expire_form.is_valid():
            return None
        ttl = self.expire_form.ttl
        return None if isinstance(ttl, KeepTTL) else ttl

    def get_refusal(self) -> str:
        """Return why the action is not possible, or an empty string."""
        if not self.inspector.can_list:
            return str(self.inspector.unsupported_reason("can_list"))
        if self.search.error:
            return self.search.error
        if self.search.query.pattern.is_empty:
            return _("Enter a search first. To match all keys, search for *.")
        if self.search.query.scope is not Scope.VERSION:
            return _("You can change all matching keys only in this cache's own version.")
        if self.search.query.value_contains:
            return str(VALUES_MAY_CHANGE)
        # Ignoring an invalid filter would change more keys than requested.
        return " ".join(str(alert.text) for alert in self.search.alerts)

    # Counting the keys.

    def scan_keys(self, token: str, limit: int, deadline: float) -> ScanPage:
        """Scan for keys that match and that the user may change."""
        # Sessions are excluded even for "*", which matches every key.
        query = replace(
            self.search.query,
            exclude=self.checker.exclusion_filter(self.inspector, has_filters=True),
        )
        page = self.inspector.scan(query, token, limit, deadline)
        keys = self.checker.filter_allowed(self.bulk_action.permission, self.inspector, page.keys)
        return replace(page, keys=keys)

    @cached_property
    def tokens(self) -> StateTokens:
        """The tokens, which are bound to the action and to the search."""
        params = self.request.GET.dict()
        search = sorted(
            (name, text) for name, text in params.items() if name not in UNSIGNED_PARAMS
        )
        return StateTokens(self, f"{self.bulk_action.name} {urlencode(search)}")

    @cached_property
    def key_count(self) -> KeyCount:
        return KeyCount.of_view(self, self.tokens, self.scan_keys)

    def render_count(self, job: Job[NamespaceStats] | None) -> HttpResponse:
        """Continue the count for the time budget of one request, and show it."""
        job, can_continue = self.key_count.advance(job)
        count = job.task.total.keys

        if not self.search.has_filters and self.checker.excludes_sessions:
            text = _("Sessions are listed but not included: only superusers can change them.")
            self.alerts.append(Alert(text))
        return self.render(
            job=make_progress(
                format_match_count(job),
                job.progress,
                Button(_("Continue counting"), "count"),
                self.key_count.make_fields(job),
                self.make_ask_buttons(job) if count else [],
                auto_continue=can_continue,
            ),
            cards=make_match_cards(self, job.task),
            empty_state=self.make_empty_state() if job.complete and not count else None,
        )

    def make_ask_buttons(self, job: Job[NamespaceStats]) -> list[Button]:
        """Return the buttons that lead to the confirmation: one for each choice of keys."""
        total = job.task.total
        text = bulk.button_text(self.ttl, total.keys, job.complete)
        buttons = [Button(f"{text} …", "ask", "danger-quiet")]
        is_same_choice = job.complete and total.no_expiry == total.keys
        if not self.has_conditions or not job.task.keys_with_ttl or is_same_choice:
            return buttons
        if total.no_expiry:
            only = ngettext(
                "Only the %(count)s that never expires …",
                "Only the %(count)s that never expire …",
                total.no_expiry,
            ) % {"count": formatting.format_number(total.no_expiry)}
            if not job.complete:
                only = _("Only those that never expire …")
            buttons.append(Button(only, f"ask-{ExpireCondition.PERSISTENT}"))
        shorten, extend = (
            _("Only where it shortens the TTL …"),
            _("Only where it extends the TTL …"),
        )
        return [
            *buttons,
            Button(shorten, f"ask-{ExpireCondition.LONGER}"),
            Button(extend, f"ask-{ExpireCondition.SHORTER}"),
        ]

    @property
    def has_conditions(self) -> bool:
        """Whether the action can be limited to some of the matching keys by their TTL."""
        return self.ttl is not None and self.ttl != TTL_NONE

    def parse_condition(self, text: str) -> ExpireCondition | None:
        """Return the condition that a button stands for; None if there is no such button."""
        try:
            condition = ExpireCondition(text or ExpireCondition.ALWAYS)
        except ValueError:
            return None
        is_offered = condition is ExpireCondition.ALWAYS or self.has_conditions
        return condition if is_offered else None

    def make_empty_state(self) -> EmptyState:
        return EmptyState(
            _("No key matches"),
            explain_no_match(self.search.query),
            [Action("back", _("Back to the keys"), self.get_keys_url(), "primary")],
        )

    # Around the content.

    def current_url(self, **query: str) -> str:
        return super().current_url(**{"ask": "", **query})

    def render(self, **context: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(**context))

    def get_keys_url(self) -> str:
        removed = ("action", "ttl", "run", "ask", "token", "help", "cache")
        params = {name: value for name, value in self.request.GET.items() if name not in removed}
        if self.search.query.pattern.may_be_exact_key:
            params[CONTAINS_PARAM] = self.search.text  # The keys that the action is about.
        url = self.links.keys(self.inspector.alias, **params)
        return url if len(url) <= MAX_ID_LENGTH else self.links.keys(self.inspector.alias)

    def heading(self) -> Heading:
        subject = bulk.describe_query(self.search.query, self.condition)
        if self.bulk_action is bulk.EXPIRE_MATCHING and self.ttl is None:
            return Heading(
                _("Change the TTL of all keys that %(which)s") % {"which": subject}, kind="question"
            )
        return Heading(bulk.action_title(self.ttl, subject), kind="question")

    def breadcrumbs(self) -> Sequence[Action]:
        return [
            *self.cache_breadcrumbs(),
            Action(
                f"{self.bulk_action.name}-matching",
                self.bulk_action.breadcrumb,
                self.current_url(run=""),
            ),
        ]

    def help(self) -> HelpPanel:
        return HelpPanel("bulk")

    # Requests.

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.respond(self.handle_link)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.respond(self.handle_step)

    def respond(self, render: Callable[[], HttpResponse]) -> HttpResponse:
        """Return what `render` returns, unless the action is not possible or needs a TTL first."""
        refusal = self.get_refusal()
        if refusal:
            self.add_message(_("Nothing was changed. %(why)s") % {"why": refusal}, messages.WARNING)
            return self.redirect(self.get_keys_url())
        if self.bulk_action is bulk.EXPIRE_MATCHING and self.ttl is None:
            return self.render_expire_form()
        return render()

    def handle_link(self) -> HttpResponse:
        """Show the job in the URL, which the user can continue, or ask, or start a count."""
        count = self.key_count.load(self.request.GET.get("ask", ""))
        condition = self.parse_condition(self.request.GET.get("condition", ""))
        if count is not None and condition is not None:
            self.condition = condition
            return self.render_confirmation_page(count)
        state = self.load_job(self.request.GET.get("run", ""))
        if state is None:
            return self.render_count(None)
        return self.render_job(JobStep(state), auto_continue=False)

    def handle_step(self) -> HttpResponse:
        """Handle the button that was pressed."""
        step, _dash, choice = self.request.POST.get("step", "").partition("-")
        token = self.request.POST.get("state", "")
        if step in ("run", "report"):
            state = self.load_job(token)
            if state is None:
                return self.render_count(None)
            return self.continue_job(state) if step == "run" else self.download_report(state)
        job, condition = self.key_count.load(token), self.parse_condition(choice)
        if step != "ask" or job is None or condition is None:
            return self.render_count(job)
        self.condition = condition
        return self.ask(job)

    def ask(self, job: Job[NamespaceStats]) -> HttpResponse:
        """Redirect to the question, whose URL has the figures of the count if they fit."""
        figures = replace(job, task=job.task.without_names())
        [(_name, token)] = self.key_count.make_fields(figures)
        url = self.current_url(ask=token, condition=self.condition, run="")
        return (
            self.redirect(url) if len(url) <= MAX_ID_LENGTH else self.render_confirmation_page(job)
        )

    def render_expire_form(self) -> HttpResponse:
        """Show the form for the new TTL, or redirect to the count if it is valid."""
        form = ExpireForm(self.request.POST) if "timeout" in self.request.POST else ExpireForm()
        if not form.is_bound:
            form.fields["timeout"].widget.attrs["autofocus"] = True
        if form.is_bound and form.is_valid() and not isinstance(form.ttl, KeepTTL):
            given = self.request.POST["timeout"].strip()
            url = self.current_url(ttl="never" if form.ttl == TTL_NONE else given)
            return self.redirect(url if len(url) <= MAX_ID_LENGTH else self.get_keys_url())
        cancel = Action("cancel", _("Cancel"), self.get_keys_url())
        self.can_refresh = False
        return self.render(expire_form=FormPanel(form, "count", _("Show matching keys"), cancel))

    # The confirmation and the job.

    def render_confirmation_page(self, job: Job[NamespaceStats]) -> HttpResponse:
        condition, total = self.condition, job.task.total
        subject = bulk.describe_query(self.search.query, condition)
        count = total.no_expiry if condition is ExpireCondition.PERSISTENT else total.keys
        by_ttl = (ExpireCondition.LONGER, ExpireCondition.SHORTER)
        is_counted = job.complete and condition not in by_ttl
        state = self.dump_job(JobState.new(self.ttl, condition))
        return self.render_confirmation(
            Confirmation(
                question=bulk.confirm_text(self.ttl, subject, self.inspector.alias),
                breadcrumb=_("Confirm"),
                consequences=list_consequences(job, self.ttl, condition),
                button_text=bulk.button_text(self.ttl, count, is_counted),
                cancel=Action("cancel", _("Cancel"), self.get_keys_url()),
                hidden_fields=[("step", "run"), ("state", state)],
            )
        )

    def load_job(self, token: str) -> JobState | None:
        """Return the job in a token; None if it is empty or not valid here."""
        state = self.tokens.load("run", token, JobState.from_json)
        if state is not None:
            self.condition = state.job.task.condition
        return state

    def dump_job(self, state: JobState) -> str:
        return self.tokens.dump("run", state.to_json(), state.job.progress.token)

    def continue_job(self, state: JobState) -> HttpResponse:
        """Run one step of the job, and show its progress."""
        runner = make_runner(
            self,
            self.inspector,
            self.bulk_action,
            self.scan_keys,
            self.log_message,
            partial(bulk.keys_text, self.search.query),
            self.tokens.scope,
        )
        return self.render_job(runner.step(state, self.call_cache), auto_continue=True)

    def render_job(self, step: JobStep, auto_continue: bool) -> HttpResponse:
        self.alerts += make_step_alerts(step)
        token = self.dump_job(step.state)
        alias = self.inspector.alias
        history = Action("history", _("History"), self.links.cache_history(alias))
        resume_url = self.current_url(run=token)
        saved = (
            Action("continue-later", _("History of the cache"), history.link)
            if self._can_view_caches()
            else Action("continue-later", _("Address of this job"), resume_url)
        )
        return self.render(
            job=make_job_progress(step, token, resume_url, saved, auto_continue),
            cards=make_failure_cards(step.state, self.inspector),
            next_actions=[
                Action("back", _("Back to the keys"), self.get_keys_url()),
                *([history] if self._can_view_caches() and step.job.complete else []),
            ],
        )

    def download_report(self, state: JobState) -> HttpResponse:
        """Return the report of the job as a file."""
        text = self.log_message(state.job)
        return make_report(self.inspector, self.bulk_action.name, text, state.job)

    def log_message(self, job: Job[BulkTask]) -> str:
        return bulk.bulk_job_text(self.search.query, job)
