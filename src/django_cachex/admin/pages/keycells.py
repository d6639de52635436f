"""Keys in a listing: their cells, and how far the search has come."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from urllib.parse import quote_plus

from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_cachex.admin import humane
from django_cachex.admin.pages.cells import bytes_cell
from django_cachex.admin.parts import Cell
from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.jobs import Position
from django_cachex.inspectors.types import TTL_NONE, Description, Listing

SPARE_FIELDS, SPARE_BYTES = 10, 10_000
"""What a form sends besides the selected keys."""

SIZE_OF_FIELD = len("&selected=")


def ttl_cell(ttl: int | None) -> Cell:
    """Return a TTL in words; a script counts it down."""
    if ttl is None:
        return Cell(_("not known"), kind="number")
    if ttl == TTL_NONE:
        return Cell(_("never"), kind="number")
    return Cell(
        humane.duration(ttl),
        kind="number",
        exact=humane.moment(humane.expires_at(ttl)),
        expires=ttl,
    )


def size_cell(one: Description) -> Cell:
    """Return a size with what it counts."""
    if one.size is None or one.unit == Unit.BYTES:
        return bytes_cell(one.size)
    return Cell(humane.elements(one.size, one.unit), kind="number")


def fit_a_form(values: Sequence[str]) -> int:
    """Return how many of these values, from the first on, one form can send to Django."""
    most: int | None = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
    count = len(values) if most is None else max(0, min(len(values), most - SPARE_FIELDS))
    room: int | None = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if room is None:
        return count
    sizes = accumulate(SIZE_OF_FIELD + len(quote_plus(value)) for value in values[:count])
    return sum(size <= room - SPARE_BYTES for size in sizes)


def how_far(examined: int, listing: Listing | Position) -> str:
    """Return how many keys of about how many were looked at."""
    count = humane.number(examined)
    if listing.complete and listing.total is None:
        return _("all keys examined")
    if listing.total is None:
        return _("%(count)s keys examined") % {"count": count}
    if listing.complete:
        return _("all %(count)s keys examined") % {"count": count}
    share = min(99, 100 * examined // max(1, listing.total)) or _("less than 1")
    return _("%(count)s of about %(total)s keys examined (%(share)s %%)") % {
        "count": count,
        "total": humane.number(listing.total),
        "share": share,
    }


def shown_text(shown: int) -> SafeString:
    """Return how many keys are shown, the number in an element that a script may change."""
    text = ngettext("%(count)s shown", "%(count)s shown", shown)
    before, after = text.split("%(count)s")
    return format_html("{}<span data-count>{}</span>{}", before, humane.number(shown), after)


def progress(shown: int, examined: int, listing: Listing) -> SafeString:
    """Return the honesty line: what is shown of what was looked at."""
    return format_html("{} · {}", shown_text(shown), how_far(examined, listing))
