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

# Words that mark the name of an option as secret: anywhere in it, or only at its end.
SECRET_WORDS = (
    r"passw(?:or)?d|passphrase|passwd|pwd|secret|token|credential|authorization"
    r"|(?:api|access|account|private|shared)[\s_.-]?key"
)
SECRET_SUFFIXES = r"(?:(?:^|[\s_.-])(?:pass|pw|auth)|requirepass|masterauth)"
SECRET_NAME = re.compile(rf"[\w\s.-]*(?:{SECRET_WORDS})[\w\s.-]*|[\w\s.-]*{SECRET_SUFFIXES}", re.I)

# Such names that don't contain a secret: `CREDENTIAL_PROVIDER`, `token_class`.
HARMLESS_NAME = re.compile(r".*(?:provider|class|func|function|callback|factory|type)", re.I)

# Up to whitespace, or to the next URL in a list separated by `;` or `,`.
URL = re.compile(r"\b([a-z][a-z0-9+.-]*://)((?:(?![;,][a-z][a-z0-9+.-]*://)\S)*)", re.I)

# The password ends at the last `@`, because it may contain an unquoted `@`, `/` or `?`.
USER_INFO = re.compile(r"([^:]*:)(.*)@", re.DOTALL)

OPTION_NAME = (
    r"(?<![\w.-])([\w.-]*(?:" + SECRET_WORDS + r")[\w.-]*|(?:[\w.-]*[_.-])?(?:pass|pw|auth))"
)
QUERY_SECRET = re.compile(rf"([?&]{OPTION_NAME}=)([^&#]*)", re.I)

# Separates a list of URLs: before a URL with a scheme or with a password.
ADDRESS_SEPARATOR = re.compile(
    r"[;,\s]+(?=[a-z][a-z0-9+.-]*://)|[;,]\s*(?=[^:@/;,\s]*:[^@;,]*@)", re.I
)
SCHEME = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:(?=//))?(?://)?", re.I)
HOST = re.compile(r"[\w.-]*(?::\d+)?(?:/.*)?|\[[0-9a-f:.]+\](?::\d+)?(?:/.*)?", re.I)

# `password=…` in a string of options: quoted, in braces, or up to the next option.
OPTION_PAIR = re.compile(
    rf"""{OPTION_NAME}(?:\s*=|["']\s*[=:])\s*"""
    r"""("(?:[^"\\]|\\.|"")*"|'(?:[^'\\]|\\.|'')*'|\{[^}]*\}"""
    r"""|.*?(?=[\s;,&]+[\w .-]+?\s*=|[;&\#]|$))""",
    re.I | re.DOTALL,
)
CLOSING_QUOTES = {'"': '"', "'": "'", "{": "}"}

MAX_MASKED_LENGTH: Final = 10_000
"""Maximum length of an error to mask. The text that is shown is shorter."""

# Shorter secrets are only masked as whole words, because they may be part of other words.
SHORT_SECRET_LENGTH = 4


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """Mask passwords in URLs, and secrets in any usual encoding.

    Recognizes `user:password@`, `:password@` and `?password=` (also `ssl_password=`, `token=` and
    similar names).

    Args:
        text: the text to mask.
        secrets: the secrets of an alias, as returned by `find_secrets`.
    """
    masked = text
    # Secrets come before URLs, because `URL` ends at whitespace in a password.
    for spelling in sorted(_encodings(secrets), key=len, reverse=True):
        literal = re.escape(spelling)
        alone = rf"(?<!\w){literal}(?!\w)" if len(spelling) < SHORT_SECRET_LENGTH else literal
        masked = re.sub(alone, MASK, masked)
    return URL.sub(lambda match: match[1] + _mask_rest(match[2]), masked)


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


# Secrets in settings.


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


def is_secret_name(name: str) -> bool:
    """Return whether a value with this name is a secret, judging by the name."""
    return bool(SECRET_NAME.fullmatch(name)) and not HARMLESS_NAME.fullmatch(name)


def _iter_named_secrets(name: str, value: object) -> Iterator[str]:
    """Yield the secrets in the value of an option."""
    if not SECRET_NAME.fullmatch(name):
        yield from _iter_secrets(value)
    elif HARMLESS_NAME.fullmatch(name):
        # A credential provider may have them as attributes. Its methods aren't called.
        yield from _iter_secrets(getattr(value, "__dict__", value))
    else:
        yield from _iter_secret_values(value)


def _iter_secret_values(value: object) -> Iterator[str]:
    """Yield the strings in the value of a secret option.

    Of a user and a password, yield the password.
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
        rest = address[len(SCHEME.match(address)[0]) :]  # type: ignore[index]  # It matches the empty string, too.
        if user_info := USER_INFO.match(rest):
            yield user_info[2]
            # Errors quote parts of invalid URLs: "Port could not be cast … as 'pa'".
            yield from re.split(r"[/?#@:\[\]]", user_info[2])
    for match in QUERY_SECRET.finditer(text):
        yield match[3]
    for match in OPTION_PAIR.finditer(text):
        yield from _iter_unquoted(match[2].strip())


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
    encodings = set()
    for secret in secrets:
        for text in (secret, unquote(secret), unquote_plus(secret)):
            for encoded in (quote(text, safe=""), quote(text), quote_plus(text)):
                encodings |= {encoded, re.sub("%..", lambda byte: byte[0].lower(), encoded)}
            encodings |= {text, repr(text)[1:-1], ascii(text)[1:-1], json.dumps(text)[1:-1]}
            encodings |= {one_line(text), repr(text.encode("utf-8", "surrogatepass"))[2:-1]}
    return encodings - {""}
