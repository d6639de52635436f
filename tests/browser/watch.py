"""What goes wrong in a browser without anyone looking: it fails the test."""

from __future__ import annotations

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Request,
    Response,
    WebError,
)

UNASKED = "/favicon.ico"
"""Browsers ask for it by themselves; the admin has none."""


ABORTED = "net::ERR_ABORTED"
"""What becomes of a script's request when its page is left, or its work is stopped."""


class Watch:
    """Collects the errors of every page of a browser context."""

    def __init__(self, context: BrowserContext) -> None:
        self.problems: list[str] = []
        context.on("console", self._console)
        context.on("weberror", self._page_error)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)

    def _add(self, url: str, problem: str) -> None:
        if not url.endswith(UNASKED):
            self.problems.append(f"{problem} ({url[:200]})")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._add(message.location["url"], f"console {message.type}: {message.text}")

    def _page_error(self, error: WebError) -> None:
        url = error.page.url if error.page else ""
        self._add(url, f"page error: {error.error}")

    def _failed(self, request: Request) -> None:
        if request.resource_type == "fetch" and request.failure == ABORTED:
            return
        self._add(request.url, f"request failed: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self._add(response.url, f"answer {response.status}")
