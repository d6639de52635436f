"""Commands of Valkey's *stream* group; values are decoded, all else are names."""

from django_cachex.commands.base import Name
from django_cachex.commands.stream_blocking import StreamReading
from django_cachex.commands.stream_groups import StreamGroups
from django_cachex.commands.stream_info import StreamInformation
from django_cachex.commands.stream_pending import StreamPending
from django_cachex.commands.streams import StreamEntries


class Streams(
    StreamEntries[Name],
    StreamReading[Name],
    StreamGroups,
    StreamPending[Name],
    StreamInformation,
):
    """All commands on streams. Ids are given as text or bytes; a cache answers with text."""
