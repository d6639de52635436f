"""The reader and the packer in Python, held against those in C that they stand in for."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_cachex.cache.connection.errors import ProtocolError, parse_error
from django_cachex.cache.connection.protocol import (
    INCOMPLETE,
    Reader,
    ReplyReader,
    get_codec,
    pack_command,
)
from django_cachex.commands import CommandError
from django_cachex.commands.args import INT64
from django_cachex.commands.command import EncodableArg

PARSERS = ["hiredis", "libvalkey"]

NO_LINE_ENDS = st.characters(exclude_characters="\r\n", codec="utf-8")


def simple(kind: bytes, text: str) -> bytes:
    return kind + text.encode() + b"\r\n"


def bulk(data: bytes | None) -> bytes:
    return b"$-1\r\n" if data is None else b"$%d\r\n%b\r\n" % (len(data), data)


def array(parts: list[bytes] | None) -> bytes:
    return b"*-1\r\n" if parts is None else b"*%d\r\n%b" % (len(parts), b"".join(parts))


SINGLE_REPLIES = st.one_of(
    st.text(NO_LINE_ENDS).map(lambda text: simple(b"+", text)),
    st.sampled_from(["ERR ", "WRONGTYPE ", "OOM ", ""]).flatmap(
        lambda code: st.text(NO_LINE_ENDS).map(lambda text: simple(b"-", code + text))
    ),
    st.integers(INT64.start, INT64.stop - 1).map(lambda number: b":%d\r\n" % number),
    st.none().map(bulk),
    st.binary(max_size=200).map(bulk),
    st.sampled_from([b"", b"\r\n", b"$3\r\nabc\r\n", b"*1\r\n", b"\x00" * 70_000]).map(bulk),
    st.none().map(array),
)
# The C readers take eight levels.
REPLIES = st.recursive(
    SINGLE_REPLIES, lambda part: st.lists(part, max_size=5).map(array), max_leaves=12
)
STREAMS = st.lists(REPLIES, min_size=1, max_size=6).map(b"".join)


def c_reader(parser: str) -> Reader:
    made: Reader = import_module(parser).Reader(
        protocolError=ProtocolError, replyError=parse_error, notEnoughData=INCOMPLETE
    )
    return made


def fed(reader: Reader, pieces: Iterable[bytes]) -> list[Any]:
    """Return all replies, taken as soon as they are complete."""
    found = []
    for piece in pieces:
        reader.feed(piece, 0, len(piece))
        while (reply := reader.gets()) is not INCOMPLETE:
            found.append(reply)
    return found


def plain(reply: Any) -> Any:
    """Return a reply with its errors made comparable."""
    if isinstance(reply, list):
        return [plain(part) for part in reply]
    return (type(reply), str(reply)) if isinstance(reply, Exception) else (type(reply), reply)


@pytest.mark.parametrize("parser", PARSERS)
@settings(deadline=None, max_examples=80)
@given(stream=STREAMS, data=st.data())
def test_replies_are_those_of_the_c_reader_however_they_are_cut(
    parser: str, stream: bytes, data: st.DataObject
) -> None:
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=12).map(sorted))
    pieces = [
        stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)
    ]
    expected = fed(c_reader(parser), [stream])
    assert plain(fed(ReplyReader(), pieces)) == plain(expected)
    assert plain(fed(c_reader(parser), pieces)) == plain(expected)


@settings(deadline=None, max_examples=50)
@given(stream=st.lists(REPLIES, max_size=3).map(b"".join).filter(lambda made: len(made) < 5_000))
def test_replies_in_single_bytes(stream: bytes) -> None:
    pieces = [stream[at : at + 1] for at in range(len(stream))]
    assert plain(fed(ReplyReader(), pieces)) == plain(fed(c_reader("hiredis"), [stream]))


@settings(deadline=None, max_examples=50)
@given(stream=STREAMS)
def test_an_incomplete_reply_is_missing_and_never_wrong(stream: bytes) -> None:
    whole = fed(ReplyReader(), [stream])
    for end in range(0, len(stream), max(1, len(stream) // 50)):
        found = fed(ReplyReader(), [stream[:end]])
        assert plain(found) == plain(whole[: len(found)])
        assert len(found) < len(whole)


@pytest.mark.parametrize("parser", PARSERS)
def test_only_the_part_that_was_received_is_read(parser: str) -> None:
    buffer = bytearray(b"......+OK\r\n......")
    for reader in (ReplyReader(), c_reader(parser)):
        reader.feed(buffer, 6, 5)
        assert reader.gets() == b"OK"
        assert reader.gets() is INCOMPLETE


def test_what_was_fed_may_be_overwritten() -> None:
    reader, buffer = ReplyReader(), bytearray(b"$6\r\nabc")
    reader.feed(buffer, 0, len(buffer))
    buffer[:] = b"xxxxxxx"
    reader.feed(b"def\r\n", 0, 5)
    assert reader.gets() == b"abcdef"


BAD = [b"?\r\n", b"OK\r\n", b"\r\n", b":x\r\n", b":\r\n", b":1.5\r\n", b":1_0\r\n"]
BAD += [b"$x\r\n", b"$-7\r\n", b"$ 1\r\nx\r\n", b"*x\r\n", b"*-7\r\n", b"*1\r\n" * 5_000]
BAD += [b"$\r\n", b"*\r\n", b"$1_0\r\n0123456789\r\n", "$²\r\n".encode(), "*١\r\n".encode()]


@pytest.mark.parametrize("nonsense", BAD, ids=range(len(BAD)))
def test_nonsense_is_a_protocol_error(nonsense: bytes) -> None:
    for reader in (ReplyReader(), c_reader("hiredis"), c_reader("libvalkey")):
        reader.feed(nonsense, 0, len(nonsense))
        with pytest.raises(ProtocolError):
            reader.gets()


@settings(deadline=None)
@given(noise=st.binary(max_size=60))
def test_noise_raises_nothing_but_protocol_errors(noise: bytes) -> None:
    reader = ReplyReader()
    reader.feed(noise, 0, len(noise))
    try:
        while reader.gets() is not INCOMPLETE:
            pass
    except ProtocolError:
        pass


WORDS: st.SearchStrategy[EncodableArg] = st.one_of(
    st.binary(max_size=100),
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.integers(INT64.start, INT64.stop - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([b"", "", 0, -0.0, "\r\n", b"\r\n$1\r\n", INT64.start, INT64.stop - 1]),
)


@pytest.mark.parametrize("parser", PARSERS)
@settings(deadline=None, max_examples=150)
@given(words=st.lists(WORDS, min_size=1, max_size=8).map(tuple))
def test_commands_are_packed_as_in_c(parser: str, words: tuple[EncodableArg, ...]) -> None:
    assert pack_command(words) == import_module(parser).pack_command(words)


@given(words=st.lists(WORDS, min_size=1, max_size=8).map(tuple))
def test_a_packed_command_reads_as_its_words(words: tuple[EncodableArg, ...]) -> None:
    [read] = fed(ReplyReader(), [pack_command(words)])
    assert read == [word if isinstance(word, bytes) else str(word).encode() for word in words]


@pytest.mark.parametrize("driver", ["valkey", "redis"])
def test_without_a_parser_in_c_the_one_in_python_is_taken(
    driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("django_cachex.cache.connection.protocol.import_module", missing)
    codec = get_codec.__wrapped__(driver)
    assert (codec.pack, codec.reader) == (pack_command, ReplyReader)
    reader = codec.reader()
    reader.feed(b"-ERR no\r\n", 0, 9)
    assert isinstance(reader.gets(), CommandError)
