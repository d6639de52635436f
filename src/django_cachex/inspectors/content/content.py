"""What people are shown of a stored string."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.crypto import salted_hmac
from django.utils.functional import Promise

from django_cachex.inspectors.content.codec import Codec
from django_cachex.inspectors.content.decoded import Kind
from django_cachex.inspectors.content.decoding import decoded, undecoded
from django_cachex.inspectors.content.excerpt import (
    Excerpt,
    beginning,
    bytes_as_hex,
    bytes_as_text,
)
from django_cachex.inspectors.content.typed import StoreAs
from django_cachex.inspectors.pickles import Tree
from django_cachex.inspectors.pickles.bounds import LIMIT


@dataclass(frozen=True, slots=True)
class Content:
    """What a stored string holds. No text in it is escaped for HTML: templates do that."""

    kind: Kind
    label: str | Promise
    """What it is, in words: "JSON in a pickle (protocol 5)"."""

    stored_size: int
    """Bytes."""

    formatted: Excerpt
    """The value: text as itself, JSON's types as indented JSON, others in a notation like Python's.
    Counted in characters."""

    text: Excerpt
    """The stored bytes as UTF-8, with backslash escapes. Counted in bytes."""

    hex: Excerpt
    """The stored bytes as a hex dump. Counted in bytes."""

    notes: tuple[str | Promise, ...]
    """Sentences about what is missing or damaged."""

    why_not: str | Promise
    """A sentence saying why the value cannot be edited, or ""."""

    edit_text: str
    """What a form is filled with: `encode(edit_text, store_as)` is the value again."""

    store_as: StoreAs

    value: Tree
    """What was decoded, as plain data where it is plain; None where nothing was."""

    @property
    def editable(self) -> bool:
        """Whether saving what the form is filled with changes nothing."""
        return not self.why_not


def decode(
    raw: bytes,
    *,
    codec: Codec,
    stored_size: int | None = None,
    limit: int = LIMIT,
    preview: int = 5000,
) -> Content:
    """Return what stored bytes hold, whatever they are; nothing of them is executed.

    `stored_size` is the value's size in bytes where `raw` is only its beginning. Values of more
    than `limit` bytes, stored or decompressed, are not decoded. `preview` bounds each view: bytes
    of what is stored, characters of what was decoded.
    """
    total = max(len(raw), stored_size or 0)
    whole = len(raw) == total <= limit
    found = decoded(raw, codec, limit) if whole else undecoded(total, limit, raw[:preview])
    text = bytes_as_text(raw, total, preview)
    return Content(
        kind=found.kind,
        label=found.label,
        stored_size=total,
        formatted=beginning(found.formatted, preview, found.open_ended) if whole else text,
        text=text,
        hex=bytes_as_hex(raw, total, preview),
        notes=found.notes,
        why_not=found.editing.why_not,
        edit_text=found.editing.text,
        store_as=found.editing.store_as,
        value=found.value,
    )


def fingerprint(raw: bytes) -> str:
    """Return sixteen hexadecimal digits that differ for different bytes and tell nothing of them.

    They are keyed with the project's `SECRET_KEY`: without it, nobody can try out guesses.
    """
    return salted_hmac("django_cachex.fingerprint", raw, algorithm="sha256").hexdigest()[:16]
