"""A small site whose pages, fragments and sessions are cached, over any alias.

`serve` points the settings at it, and `visit` requests a page. Each page says how many were made
before it, so that one from the cache is known by its number.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.test import Client
from django.urls import path
from django.utils import timezone
from django.views.decorators.cache import cache_page
from django.views.decorators.vary import vary_on_cookie, vary_on_headers

TEMPLATES = Path(__file__).parent / "site_templates"
LANGUAGES = [("en", "English"), ("de", "German"), ("pt-br", "Brazilian Portuguese")]
VIEW_PREFIX = "shop.v2"
"""The `key_prefix` of a view, with a dot in it."""

_renders = count(1)


def make_page(request: HttpRequest, what: str) -> HttpResponse:
    """Return a page that says how many pages were made before it."""
    return HttpResponse(f"<title>{what}</title><p>{what}, render {next(_renders)}</p>")


def plain(request: HttpRequest, number: int = 0) -> HttpResponse:
    return make_page(request, f"Lamp {number}")


@vary_on_cookie
def by_cookie(request: HttpRequest) -> HttpResponse:
    return make_page(request, "Basket")


@vary_on_headers("Accept-Language", "X-Plan")
def by_headers(request: HttpRequest) -> HttpResponse:
    return make_page(request, "Prices")


def as_json(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"render": next(_renders)})


def from_template(request: HttpRequest, number: int) -> TemplateResponse:
    context = {"number": number, "color": request.GET.get("color", "red")}
    return TemplateResponse(request, "shop/card.html", {**context, "render": next(_renders)})


def with_fragments(request: HttpRequest, number: int) -> HttpResponse:
    context = {"number": number, "color": request.GET.get("color", "red")}
    return render(request, "shop/card.html", {**context, "render": next(_renders)})


def with_session(request: HttpRequest) -> HttpResponse:
    request.session["basket"] = ["lamp"]
    return HttpResponse("added")


class TimeZoneMiddleware:
    """Activates the time zone in the header X-Time-Zone, as sites do for a user's."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        name = request.headers.get("X-Time-Zone")
        with timezone.override(ZoneInfo(name) if name else None):
            response: HttpResponseBase = self.get_response(request)
            return response


def urls_for(alias: str) -> ModuleType:
    """Return a URLconf whose views are cached in an alias."""
    cached = cache_page(600, cache=alias)
    urls = ModuleType(f"cached_site_{alias}")
    urls.urlpatterns = [  # type: ignore[attr-defined]
        path("admin/", admin.site.urls),
        path("shop/", cached(plain), name="shop"),
        path("shop/lamp/<int:number>/", cached(plain), name="lamp"),
        path("shop/basket/", cached(by_cookie), name="basket"),
        path("shop/prices/", cached(by_headers), name="prices"),
        path(
            "shop/v2/", cache_page(600, cache=alias, key_prefix=VIEW_PREFIX)(plain), name="prefixed"
        ),
        path("shop/stock/", cached(as_json), name="stock"),
        path("shop/card/<int:number>/", cached(from_template), name="card"),
        path("fragments/<int:number>/", with_fragments, name="fragments"),
        path("session/", with_session, name="session"),
        path("news/", plain, name="news"),
    ]
    return urls


WHOLE_SITE = (
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.middleware.cache.FetchFromCacheMiddleware",
)


def serve(settings: Any, alias: str, whole_site: bool = False) -> None:
    """Point the settings at the site, over an alias of `settings.CACHES`.

    Args:
        settings: the fixture of pytest-django.
        alias: where pages are cached.
        whole_site: whether the cache middleware caches pages of all views.
    """
    first, last = ([WHOLE_SITE[0]], [WHOLE_SITE[1]]) if whole_site else ([], [])
    own = f"{__name__}.{TimeZoneMiddleware.__qualname__}"
    settings.MIDDLEWARE = [*first, *settings.MIDDLEWARE, own, *last]
    settings.ROOT_URLCONF = urls_for(alias)
    settings.LANGUAGES = LANGUAGES
    settings.CACHE_MIDDLEWARE_ALIAS = alias
    settings.CACHE_MIDDLEWARE_KEY_PREFIX = "site"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [str(TEMPLATES)]}]


def visit(
    url: str, language: str = "en", time_zone: str = "", cookies: str = "", **given: Any
) -> str:
    """Request a page as a stranger does; return its text, which tells one render from another."""
    headers = {"accept-language": language, **given.pop("headers", {})}
    if time_zone:
        headers["x-time-zone"] = time_zone
    if cookies:
        headers["cookie"] = cookies
    response = Client().get(url, headers=headers, **given)
    if response.status_code != 200:
        raise AssertionError(f"{url} answered {response.status_code}")
    return response.content.decode()
