"""Commands of Valkey's *stream* group; values are decoded, all else are names."""

from django_cachex.commands.base import Name
from django_cachex.commands.streams.entries import StreamEntries
from django_cachex.commands.streams.groups import StreamGroups
from django_cachex.commands.streams.information import StreamInformation
from django_cachex.commands.streams.pending import StreamPending
from django_cachex.commands.streams.waiting import StreamReading


class Streams(
    StreamEntries[Name],
    StreamReading[Name],
    StreamGroups,
    StreamPending[Name],
    StreamInformation,
):
    """All commands on streams. Ids are given as text or bytes; a cache answers with text."""
