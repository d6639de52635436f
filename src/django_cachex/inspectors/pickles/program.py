"""Every opcode there is, and how a machine follows a pickle made of them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.pickles import stream
from django_cachex.inspectors.pickles.graph import Bag, Node, Pairs
from django_cachex.inspectors.pickles.machine import Machine
from django_cachex.inspectors.pickles.stream import Damaged, Stream, TooLong

Act = Callable[[Machine, Any], object]
Opcode = tuple[Callable[[Stream], Any], Act]


def pushing(make: Callable[[], Node]) -> Opcode:
    return stream.nothing, lambda machine, _argument: machine.push(make())


def pushing_tuple(length: int) -> Opcode:
    def push(machine: Machine, _argument: None) -> None:
        last_first = [machine.pop() for _item in range(length)]
        machine.push(tuple(reversed(last_first)))

    return stream.nothing, push


SCALARS: dict[bytes, Opcode] = {
    pickle.NONE: pushing(lambda: None),
    pickle.NEWTRUE: pushing(lambda: True),
    pickle.NEWFALSE: pushing(lambda: False),
    pickle.INT: (stream.int_line, Machine.push),
    pickle.BININT: (stream.int4, Machine.push),
    pickle.BININT1: (stream.uint1, Machine.push),
    pickle.BININT2: (stream.uint2, Machine.push),
    pickle.LONG: (stream.long_line, Machine.push),
    pickle.LONG1: (stream.long1, Machine.push),
    pickle.LONG4: (stream.long4, Machine.push),
    pickle.FLOAT: (stream.float_line, Machine.push),
    pickle.BINFLOAT: (stream.float8, Machine.push),
    pickle.STRING: (Stream.line, Machine.old_text_line),
    pickle.BINSTRING: (stream.bytes4, Machine.old_text),
    pickle.SHORT_BINSTRING: (stream.bytes1, Machine.old_text),
    pickle.UNICODE: (stream.text_line, Machine.push),
    pickle.SHORT_BINUNICODE: (stream.text1, Machine.push),
    pickle.BINUNICODE: (stream.text4, Machine.push),
    pickle.BINUNICODE8: (stream.text8, Machine.push),
    pickle.SHORT_BINBYTES: (stream.bytes1, Machine.push),
    pickle.BINBYTES: (stream.bytes4, Machine.push),
    pickle.BINBYTES8: (stream.bytes8, Machine.push),
    pickle.BYTEARRAY8: (stream.bytearray8, Machine.push),
}

CONTAINERS: dict[bytes, Opcode] = {
    pickle.EMPTY_LIST: pushing(list),
    pickle.EMPTY_TUPLE: pushing(tuple),
    pickle.EMPTY_DICT: pushing(Pairs),
    pickle.EMPTY_SET: pushing(lambda: Bag([], frozen=False)),
    pickle.TUPLE1: pushing_tuple(1),
    pickle.TUPLE2: pushing_tuple(2),
    pickle.TUPLE3: pushing_tuple(3),
    pickle.LIST: (stream.nothing, Machine.make_list),
    pickle.TUPLE: (stream.nothing, Machine.make_tuple),
    pickle.DICT: (stream.nothing, Machine.make_dict),
    pickle.FROZENSET: (stream.nothing, Machine.make_frozenset),
    pickle.APPEND: (stream.nothing, Machine.append),
    pickle.APPENDS: (stream.nothing, Machine.appends),
    pickle.SETITEM: (stream.nothing, Machine.set_item),
    pickle.SETITEMS: (stream.nothing, Machine.set_items),
    pickle.ADDITEMS: (stream.nothing, Machine.add_items),
}

STACK: dict[bytes, Opcode] = {
    pickle.MARK: (stream.nothing, Machine.mark),
    pickle.POP: (stream.nothing, Machine.discard),
    pickle.POP_MARK: (stream.nothing, Machine.pop_mark),
    pickle.DUP: (stream.nothing, Machine.duplicate),
    pickle.PUT: (stream.int_line, Machine.remember),
    pickle.BINPUT: (stream.uint1, Machine.remember),
    pickle.LONG_BINPUT: (stream.uint4, Machine.remember),
    pickle.MEMOIZE: (stream.nothing, Machine.memoize),
    pickle.GET: (stream.int_line, Machine.recall),
    pickle.BINGET: (stream.uint1, Machine.recall),
    pickle.LONG_BINGET: (stream.uint4, Machine.recall),
}

CALLS: dict[bytes, Opcode] = {
    pickle.GLOBAL: (stream.name_lines, Machine.refer),
    pickle.STACK_GLOBAL: (stream.nothing, Machine.refer_from_stack),
    pickle.EXT1: (stream.uint1, Machine.refer_by_extension),
    pickle.EXT2: (stream.uint2, Machine.refer_by_extension),
    pickle.EXT4: (stream.int4, Machine.refer_by_extension),
    pickle.REDUCE: (stream.nothing, Machine.call),
    pickle.NEWOBJ: (stream.nothing, Machine.call),
    pickle.NEWOBJ_EX: (stream.nothing, Machine.call_with_keywords),
    pickle.OBJ: (stream.nothing, Machine.call_from_mark),
    pickle.INST: (stream.name_lines, Machine.call_named),
    pickle.BUILD: (stream.nothing, Machine.build),
    pickle.PERSID: (stream.name_line, Machine.persistent),
    pickle.BINPERSID: (stream.nothing, Machine.persistent_from_stack),
    pickle.NEXT_BUFFER: (stream.nothing, Machine.buffer),
    # It makes a buffer read-only, which does not show.
    pickle.READONLY_BUFFER: (stream.nothing, lambda machine, _argument: None),
}

FRAME: dict[bytes, Opcode] = {
    pickle.PROTO: (stream.uint1, Machine.declare),
    pickle.FRAME: (stream.uint8, Machine.frame),
}

OPCODES = SCALARS | CONTAINERS | STACK | CALLS | FRAME


def run(machine: Machine, steps: int) -> Node:
    """Return the graph that a pickle describes; raise Damaged where it is not a whole pickle."""
    for _step in range(steps):
        start = machine.stream.position
        code = machine.stream.take(1)
        try:
            if code == pickle.STOP:
                return machine.stop()
            machine.codes.add(code[0])
            argument, act = OPCODES[code]
            act(machine, argument(machine.stream))
        except Damaged:
            raise
        except (LookupError, TypeError, ValueError) as senseless:
            raise Damaged(
                format_lazy(_("The pickle makes no sense at byte {position}."), position=start)
            ) from senseless
    raise TooLong(
        format_lazy(
            _("Only the beginning is shown: {count} steps of the pickle."), count=f"{steps:,}"
        )
    )
