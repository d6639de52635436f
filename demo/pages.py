"""A page of the shop that is cached, to be purged by its URL."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.cache import cache_page
from django.views.decorators.vary import vary_on_headers


@cache_page(3600)
@vary_on_headers("Cookie", "X-Plan")
def lamp(request: HttpRequest, number: int) -> HttpResponse:
    """Return a page that says when it was made."""
    made = timezone.localtime().strftime("%H:%M:%S")
    html = "<title>Lamp {}</title><p>Lamp {}, made at {}"
    return HttpResponse(format_html(html, number, number, made))
