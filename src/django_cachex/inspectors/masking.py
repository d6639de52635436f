"""Passwords taken out of whatever a person may see: locations, settings, exception texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote, unquote_plus

MASK: Final = "•••"

SECRET_NAME = r"[\w.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token)[\w.-]*"

# To the next white space, or to the next address of a list that `;` or `,` separates.
URL = re.compile(r"\b([a-z][a-z0-9+.-]*://)((?:(?![;,][a-z][a-z0-9+.-]*://)\S)*)", re.I)

# The last `@` ends the password, so that one with an unquoted `@`, `/` or `?` is taken out whole.
USER_INFO = re.compile(r"([^:]*:)(.*)@", re.DOTALL)

QUERY_SECRET = re.compile(rf"([?&]{SECRET_NAME}=)([^&#]*)", re.I)
NAME = re.compile(SECRET_NAME, re.I)

# A password this short is replaced only where it stands alone: it may be part of any word.
SHORT = 4


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without passwords in URLs and without any of `secrets`, however quoted.

    The forms known are `user:password@`, `:password@` and `?password=` (also `ssl_password=`,
    `token=` and the like). `secrets` are an alias's, as `secrets_in` returns them.
    """
    masked = URL.sub(lambda found: found[1] + _mask_rest(found[2]), text)
    for spelling in sorted(_spellings(secrets), key=len, reverse=True):
        literal = re.escape(spelling)
        alone = rf"(?<!\w){literal}(?!\w)" if len(spelling) < SHORT else literal
        masked = re.sub(alone, MASK, masked)
    return masked


def _mask_rest(rest: str) -> str:
    """Return what follows `scheme://`, masked."""
    return QUERY_SECRET.sub(rf"\g<1>{MASK}", USER_INFO.sub(rf"\g<1>{MASK}@", rest, count=1))


def secrets_in(params: Mapping[str, Any]) -> frozenset[str]:
    """Return the passwords that an entry of `settings.CACHES` holds, at whatever depth."""
    return frozenset(filter(None, _secrets(params)))


def _secrets(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if isinstance(inner, str | bytes) and NAME.fullmatch(str(name)):
                yield inner if isinstance(inner, str) else inner.decode("utf-8", "replace")
            else:
                yield from _secrets(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _secrets(inner)
    elif isinstance(value, str):
        yield from _url_secrets(value)


def _url_secrets(text: str) -> Iterator[str]:
    for _scheme, rest in URL.findall(text):
        if user_info := USER_INFO.match(rest):
            yield user_info[2]
            # A URL that does not parse is quoted in part: "Port could not be cast … as 'pa'".
            yield from re.split(r"[/?#@:\[\]]", user_info[2])
        for _name, value in QUERY_SECRET.findall(rest):
            yield value


def _spellings(secrets: Iterable[str]) -> set[str]:
    """Return the secrets as URLs, logs and `repr` may spell them."""
    found = set()
    for secret in secrets:
        for text in (secret, unquote(secret), unquote_plus(secret)):
            found |= {text, quote(text, safe=""), quote(text), repr(text)[1:-1]}
    return found - {""}
