"""The strictest Content-Security-Policy under which the pages of a skin must work."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

STRICTEST = "default-src 'self'"
EVALUATING = f"{STRICTEST}; script-src 'self' 'unsafe-eval'"
"""Unfold's scripts evaluate expressions of its markup."""

HEADER = "Content-Security-Policy"
POLICIES = {
    "admin": STRICTEST,
    # Older releases draw the arrows of selects with data: images.
    "unfold": f"{EVALUATING}; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
}


class ContentSecurityPolicy:
    """Middleware that sends the policy of the skin with every page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers[HEADER] = POLICIES[settings.SKIN]
        return response
