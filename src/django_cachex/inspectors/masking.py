"""Mask passwords in text for users: locations, settings, exceptions.

The settings tell which strings are passwords: by their names, such as `PASSWORD` or `api_key`, or
by their positions in URLs. These strings are then masked in all texts, in every usual encoding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from django.conf import settings

from django_cachex.commands.text import one_line

MASK: Final = "•••"

# Names of secrets, wherever in a name these words stand, and those that stand at its end only.
SECRET_WORDS = (
    r"passw(?:or)?d|passphrase|passwd|pwd|secret|token|credential|authorization"
    r"|(?:api|access|account|private|shared)[\s_.-]?key"
)
SECRET_SUFFIXES = r"(?:(?:^|[\s_.-])(?:pass|pw|auth)|requirepass|masterauth)"
SECRET_NAME = re.compile(rf"[\w\s.-]*(?:{SECRET_WORDS})[\w\s.-]*|[\w\s.-]*{SECRET_SUFFIXES}", re.I)

# What such names may be about without holding a secret: `CREDENTIAL_PROVIDER`, `token_class`.
HARMLESS_NAME = re.compile(r".*(?:provider|class|func|function|callback|factory|type)", re.I)

# To the next white space, or to the next address of a list that `;` or `,` separates.
URL = re.compile(r"\b([a-z][a-z0-9+.-]*://)((?:(?![;,][a-z][a-z0-9+.-]*://)\S)*)", re.I)

# The last `@` ends the password, so that one with an unquoted `@`, `/` or `?` is taken out whole.
USER_INFO = re.compile(r"([^:]*:)(.*)@", re.DOTALL)

OPTION_NAME = (
    r"(?<![\w.-])([\w.-]*(?:" + SECRET_WORDS + r")[\w.-]*|(?:[\w.-]*[_.-])?(?:pass|pw|auth))"
)
QUERY_SECRET = re.compile(rf"([?&]{OPTION_NAME}=)([^&#]*)", re.I)

# Where a list of addresses may be cut: before one with a scheme, before one with a password.
ADDRESS_SEPARATOR = re.compile(
    r"[;,\s]+(?=[a-z][a-z0-9+.-]*://)|[;,]\s*(?=[^:@/;,\s]*:[^@;,]*@)", re.I
)
SCHEME = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:(?=//))?(?://)?", re.I)
HOST = re.compile(r"[\w.-]*(?::\d+)?(?:/.*)?|\[[0-9a-f:.]+\](?::\d+)?(?:/.*)?", re.I)

# `password=…` in a string of options: in quotation marks or braces, or to the next option.
OPTION_PAIR = re.compile(
    rf"""{OPTION_NAME}(?:\s*=|["']\s*[=:])\s*"""
    r"""("(?:[^"\\]|\\.|"")*"|'(?:[^'\\]|\\.|'')*'|\{[^}]*\}"""
    r"""|.*?(?=[\s;,&]+[\w .-]+?\s*=|[;&\#]|$))""",
    re.I | re.DOTALL,
)
CLOSING_QUOTES = {'"': '"', "'": "'", "{": "}"}

MAX_MASKED_LENGTH: Final = 10_000
"""Maximum length of an error to mask. The text that is shown is shorter."""

# A password this short is replaced only where it stands alone: it may be part of any word.
SHORT_SECRET_LENGTH = 4


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """Mask passwords in URLs, and secrets in any usual encoding.

    Recognizes `user:password@`, `:password@` and `?password=` (also `ssl_password=`, `token=` and
    similar names).

    Args:
        text: The text to mask.
        secrets: The secrets of an alias, as returned by `find_secrets`.
    """
    masked = text
    # Before the URLs: one whose password holds white space ends there, as far as they can tell.
    for spelling in sorted(_encodings(secrets), key=len, reverse=True):
        literal = re.escape(spelling)
        alone = rf"(?<!\w){literal}(?!\w)" if len(spelling) < SHORT_SECRET_LENGTH else literal
        masked = re.sub(alone, MASK, masked)
    return URL.sub(lambda found: found[1] + _mask_rest(found[2]), masked)


def mask_for_settings(text: str, params: Mapping[str, Any]) -> str:
    """Mask the passwords of an alias and of all other aliases in `text`.

    The text is truncated first, because third parties may return texts of any length.
    """
    others = (
        secret for secret in find_secrets(settings.CACHES) if len(secret) >= SHORT_SECRET_LENGTH
    )
    return mask(text[:MAX_MASKED_LENGTH], {*find_secrets(params), *others})


def _mask_rest(rest: str) -> str:
    """Mask the part of a URL that follows `scheme://`."""
    return QUERY_SECRET.sub(rf"\g<1>{MASK}", USER_INFO.sub(rf"\g<1>{MASK}@", rest, count=1))


# What the settings hold.


def find_secrets(params: Mapping[str, Any]) -> frozenset[str]:
    """Return the passwords in an entry of `settings.CACHES`, at any depth."""
    return frozenset(filter(None, _iter_secrets(params)))


def _iter_secrets(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _iter_named_secrets(str(name), inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _iter_secrets(inner)
    elif isinstance(value, str | bytes):
        yield from _iter_string_secrets(_to_text(value))


def _iter_named_secrets(name: str, value: object) -> Iterator[str]:
    """Yield the secrets in the value of an option."""
    if not SECRET_NAME.fullmatch(name):
        yield from _iter_secrets(value)
    elif HARMLESS_NAME.fullmatch(name):
        # A provider of credentials has them as attributes, or is asked for them: not by us.
        yield from _iter_secrets(getattr(value, "__dict__", value))
    else:
        yield from _iter_secret_values(value)


def _iter_secret_values(value: object) -> Iterator[str]:
    """Yield the strings in the value of a secret option. Of a user and a password, yield the
    password.
    """
    if isinstance(value, str | bytes):
        text = _to_text(value)
        yield text
        yield from _iter_string_secrets(text)
        scheme, _space, rest = text.partition(" ")
        if scheme.lower() in ("basic", "bearer"):
            yield rest.strip()
    elif isinstance(value, Mapping):
        yield from _iter_secrets(value)
    elif isinstance(value, list | tuple | set | frozenset):
        parts = list(value)
        if isinstance(value, tuple) and len(parts) == 2:  # (user, password)
            del parts[0]
        for part in parts:
            yield from _iter_secret_values(part)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    else:
        yield from _iter_secrets(getattr(value, "__dict__", ()))


def _iter_string_secrets(text: str) -> Iterator[str]:
    """Yield the passwords in a URL, a list of URLs, or a string of options."""
    for address in _split_addresses(text):
        rest = address[len(SCHEME.match(address)[0]) :]  # type: ignore[index]  # It matches nothing.
        if user_info := USER_INFO.match(rest):
            yield user_info[2]
            # A URL that does not parse is quoted in part: "Port could not be cast … as 'pa'".
            yield from re.split(r"[/?#@:\[\]]", user_info[2])
    for found in QUERY_SECRET.finditer(text):
        yield found[3]
    for found in OPTION_PAIR.finditer(text):
        yield from _iter_unquoted(found[2].strip())


def _iter_unquoted(value: str) -> Iterator[str]:
    """Yield the value of an option without quotation marks, according to several syntaxes."""
    if len(value) < 2 or CLOSING_QUOTES.get(value[0]) != value[-1]:
        yield value
        return
    inner = value[1:-1]
    yield from (inner, re.sub(r"\\(.)", r"\1", inner), inner.replace(value[0] * 2, value[0]))


def _split_addresses(text: str) -> list[str]:
    """Split a list of URLs. Other text is returned unchanged, as passwords can contain `;`."""
    parts = ADDRESS_SEPARATOR.split(text)
    return parts if all(map(_is_address, parts)) else [text]


def _is_address(text: str) -> bool:
    return "@" in text or "://" in text or HOST.fullmatch(text.strip()) is not None


def _to_text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def _encodings(secrets: Iterable[str]) -> set[str]:
    """Return the secrets as they may appear in URLs, logs and the output of `repr`."""
    found = set()
    for secret in secrets:
        for text in (secret, unquote(secret), unquote_plus(secret)):
            for encoded in (quote(text, safe=""), quote(text), quote_plus(text)):
                found |= {encoded, re.sub("%..", lambda byte: byte[0].lower(), encoded)}
            found |= {text, repr(text)[1:-1], ascii(text)[1:-1], json.dumps(text)[1:-1]}
            found |= {one_line(text), repr(text.encode("utf-8", "surrogatepass"))[2:-1]}
    return found - {""}
