"""A person at the admin, without a screen: opens pages, follows links, fills in forms."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urldefrag, urljoin

from django.test import Client

from tests.admin.page import Page


class Browser:
    """Drives Django's test client the way a browser with no scripts would."""

    def __init__(self, user: Any = None) -> None:
        # What a page raises is a 500 to the person, and so to these tests.
        self.client = Client(raise_request_exception=False)
        self.user = user
        if user is not None:
            self.client.force_login(user)

    def open(self, url: str, *, follow: bool = True, **headers: Any) -> Page:
        """Return the page at a URL, after its redirects."""
        return self._page(url, self._timed("get", url, follow=follow, **headers))

    def post(
        self, url: str, data: dict[str, Any] | None = None, *, follow: bool = True, **headers: Any
    ) -> Page:
        """Return what a POST leads to, without looking at a form first."""
        return self._page(url, self._timed("post", url, data or {}, follow=follow, **headers))

    def click(self, page: Page, action: str, object_name: str = "") -> Page:
        """Follow the link that does this: to what a text names, where one is given."""
        return self.open(urldefrag(urljoin(page.url, page.link(action, object_name).url))[0])

    def submit(self, page: Page, action: str, object_name: str = "", /, **changes: Any) -> Page:
        """Press the button that does this, after changing the form's controls of these names.

        A value of None clears a control: an unticked box, a row not selected.
        """
        form, pressed = page.form(action, object_name), page.button(action, object_name)
        data: dict[str, Any] = form.data()
        for name, value in changes.items():
            assert name in form.names, f"{name} is not a control of this form: {form.names}"
            data[name] = value
        if pressed.name:
            data[pressed.name] = pressed.value
        data = {name: value for name, value in data.items() if value is not None}
        url = urljoin(page.url, pressed.action) if pressed.action else page.url
        if form.method == "get":
            response = self._timed("get", url.split("?")[0], data, follow=True)
            return self._page(url, response)
        return self.post(url, data)

    def _timed(self, method: str, *args: Any, **kwargs: Any) -> tuple[Any, float]:
        started = time.monotonic()
        response = getattr(self.client, method)(*args, **kwargs)
        return response, time.monotonic() - started

    @staticmethod
    def _page(url: str, timed: tuple[Any, float]) -> Page:
        response, seconds = timed
        for hop, _status in getattr(response, "redirect_chain", ()):
            url = urljoin(url, hop)
        if response.status_code in (301, 302):
            url = urljoin(url, response["Location"])
        query = response.request["QUERY_STRING"]
        if query and "?" not in url and response.status_code == 200:
            url = f"{url}?{query}"
        if response.streaming:  # A file is saved, not read.
            return Page(response.status_code, url, "", seconds)
        return Page(response.status_code, url, response.content.decode(), seconds)
