"""Keys in a listing: their cells, and how far the search has come."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_cachex.admin import humane
from django_cachex.admin.pages.caches import bytes_cell
from django_cachex.admin.parts import Cell
from django_cachex.inspectors.base import NEVER, Description, Listing, Unit


def ttl_cell(ttl: int | None) -> Cell:
    """Return a TTL in words; a script counts it down."""
    if ttl is None:
        return Cell(_("not known"), kind="number")
    if ttl == NEVER:
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


def how_far(examined: int, listing: Listing) -> str:
    """Return how many keys of about how many were looked at."""
    count = humane.number(examined)
    if listing.total is None:
        return _("%(count)s keys examined") % {"count": count}
    if listing.complete:
        return _("all %(count)s keys examined") % {"count": count}
    share = min(99, 100 * examined // max(1, listing.total)) or _("less than 1")
    return _("%(count)s of about %(total)s keys examined (%(share)s %%)") % {
        "count": count,
        "total": humane.number(max(listing.total, examined)),
        "share": share,
    }


def progress(shown: int, examined: int, listing: Listing) -> str:
    """Return the honesty line: what is shown of what was looked at."""
    count = ngettext("%(count)s shown", "%(count)s shown", shown) % {"count": humane.number(shown)}
    return f"{count} · {how_far(examined, listing)}"
