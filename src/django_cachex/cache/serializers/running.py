"""Which serializers may run what they read, and which bytes could make them do so.

Bytes that one serializer wrote may be a program to another: JSON that somebody typed, stored as
MessagePack, can begin with 0x8c and go on as a pickle.
"""

from __future__ import annotations

import copyreg
import pickletools
from typing import Any

from django_cachex.cache.codec import ValueCodec
from django_cachex.cache.serializers.packed import MsgPackSerializer, ORMsgPackSerializer
from django_cachex.cache.serializers.pickled import PickleSerializer
from django_cachex.cache.serializers.text import JSONSerializer, ORJSONSerializer

OURS = (
    *(JSONSerializer, ORJSONSerializer),
    *(MsgPackSerializer, ORMsgPackSerializer, PickleSerializer),
)

OPCODES = {ord(opcode.code): opcode for opcode in pickletools.opcodes}

# How `pickletools` says where an argument ends, and the bytes of a length that stands before it.
LINE = pickletools.UP_TO_NEWLINE
PREFIXES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}


def readers(serializer: Any) -> tuple[Any, ...]:
    """Return the serializers that an alias's own consists of."""
    return serializer.serializers if isinstance(serializer, ValueCodec) else (serializer,)


def may_run(serializer: Any) -> bool:
    """Return whether a serializer may run what it reads; of an unknown one, nobody knows."""
    return not any(
        isinstance(serializer, kind) and type(serializer).loads is kind.loads for kind in OURS
    )


def could_run(serializer: Any, data: bytes) -> bool:
    """Return whether an alias's serializer, given `data`, might import and call what it names."""
    is_like_ours = data[:1] == b"\x80"
    return names_something(data) and any(
        may_run(one) or (is_like_ours and isinstance(one, PickleSerializer))
        for one in readers(serializer)
    )


def names_something(data: bytes) -> bool:
    """Return whether `pickle.loads` might come to import something before it ends or raises.

    Opcodes follow one another without jumps, so it suffices to know how long their arguments are.
    What the stack would hold is not followed: where that would end the reading, this goes on.
    """
    at, marked = 0, False
    while at < len(data):
        code = data[at]
        if code not in OPCODES or code == ord("."):
            return False
        if names(data, at, marked):
            return True
        marked = marked or code == ord("(")
        at = end_of(data, at)
    return False


def names(data: bytes, at: int, marked: bool) -> bool:
    """Return whether the opcode at a place imports something."""
    code = chr(data[at])
    if code in "ci":  # Two lines; `i` takes what stands above a mark.
        return data.find(b"\n", at) > 0 and (code == "c" or marked)
    if code in "\x82\x83\x84":
        registered: dict[int, Any] = copyreg._inverted_registry  # type: ignore[attr-defined]
        number = int.from_bytes(data[at + 1 : end_of(data, at)], "little")
        return number in registered
    return code == "\x93"


def end_of(data: bytes, at: int) -> int:
    """Return where the opcode at a place ends with its argument; past the end if that is cut."""
    argument, start = OPCODES[data[at]].arg, at + 1
    if argument is None:
        return start
    if argument.n == LINE:
        end = data.find(b"\n", start)
        return len(data) if end < 0 else end + 1
    if argument.n in PREFIXES:
        size = PREFIXES[argument.n]
        length = int.from_bytes(data[start : start + size], "little")
        return start + size + length
    return start + argument.n
