"""Where the keys are among the arguments of a command, and in which slot a key is."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Sequence

from django_cachex.commands.command import EncodableArg

SLOTS = 16_384

Words = Sequence[EncodableArg]
Find = Callable[[Words], Words]


def _counted(at: int) -> Find:
    """Keys after a word that says how many there are."""
    return lambda args: args[at + 1 : at + 1 + int(args[at])]


def _stored_and_counted(args: Words) -> Words:
    return (args[1], *_counted(2)(args))


def _streams(args: Words) -> Words:
    """Keys after STREAMS, which as many ids follow."""
    after = args[args.index("STREAMS") + 1 :]
    return after[: len(after) // 2]


def _sorted(args: Words) -> Words:
    places = [number + 1 for number, word in enumerate(args) if word == "STORE"]
    return (args[1], *(args[place] for place in places))


def _of_subcommand(*names: str) -> Find:
    """The second argument, where the first is one of `names`, or whatever it is."""
    return lambda args: args[2:3] if not names or str(args[1]).upper() in names else ()


def _one(args: Words) -> Words:
    return args[1:2]


# By the name of the command; those that are not here name one key, directly after it.
FIND: dict[EncodableArg, Find] = {
    **dict.fromkeys(
        [
            "MGET",
            "DEL",
            "UNLINK",
            "EXISTS",
            "TOUCH",
            "WATCH",
            "SINTER",
            "SUNION",
            "SDIFF",
            "SINTERSTORE",
            "SUNIONSTORE",
            "SDIFFSTORE",
            "PFCOUNT",
            "PFMERGE",
        ],
        lambda args: args[1:],
    ),
    **dict.fromkeys(["MSET", "MSETNX"], lambda args: args[1::2]),
    **dict.fromkeys(
        [
            "RENAME",
            "RENAMENX",
            "COPY",
            "LMOVE",
            "BLMOVE",
            "RPOPLPUSH",
            "BRPOPLPUSH",
            "SMOVE",
            "ZRANGESTORE",
            "LCS",
            "GEOSEARCHSTORE",
        ],
        lambda args: args[1:3],
    ),
    **dict.fromkeys(["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"], lambda args: args[1:-1]),
    **dict.fromkeys(
        ["LMPOP", "ZMPOP", "SINTERCARD", "ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD"], _counted(1)
    ),
    **dict.fromkeys(
        ["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO", "BLMPOP", "BZMPOP"],
        _counted(2),
    ),
    **dict.fromkeys(["ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"], _stored_and_counted),
    **dict.fromkeys(["XREAD", "XREADGROUP"], _streams),
    **dict.fromkeys(["OBJECT", "XINFO", "XGROUP"], _of_subcommand()),
    **dict.fromkeys(["MEMORY"], _of_subcommand("USAGE")),
    **dict.fromkeys(["DEBUG"], _of_subcommand("OBJECT")),
    "SORT": _sorted,
    "BITOP": lambda args: args[2:],
    **dict.fromkeys(
        [
            "ACL",
            "ASKING",
            "AUTH",
            "BGREWRITEAOF",
            "BGSAVE",
            "CLIENT",
            "CLUSTER",
            "COMMAND",
            "CONFIG",
            "DBSIZE",
            "DISCARD",
            "ECHO",
            "EXEC",
            "FLUSHALL",
            "FLUSHDB",
            "FUNCTION",
            "HELLO",
            "INFO",
            "KEYS",
            "LASTSAVE",
            "LATENCY",
            "MODULE",
            "MONITOR",
            "MULTI",
            "PING",
            "PSUBSCRIBE",
            "PUBLISH",
            "PUBSUB",
            "QUIT",
            "RANDOMKEY",
            "READONLY",
            "READWRITE",
            "RESET",
            "ROLE",
            "SAVE",
            "SCAN",
            "SCRIPT",
            "SELECT",
            "SLOWLOG",
            "SUBSCRIBE",
            "TIME",
            "UNWATCH",
            "WAIT",
            "WAITAOF",
        ],
        lambda args: (),
    ),
}


def keys_of(args: Words) -> Words:
    """Return the keys among the arguments of a command."""
    return FIND.get(args[0], _one)(args)


def slot_of(key: EncodableArg) -> int:
    """Return the slot of a stored key: that of what is between its first braces, if anything is.

    https://valkey.io/topics/cluster-spec/#key-distribution-model
    """
    data = key if isinstance(key, bytes) else str(key).encode()
    start = data.find(b"{")
    if start >= 0:
        end = data.find(b"}", start + 1)
        if end > start + 1:
            data = data[start + 1 : end]
    return binascii.crc_hqx(data, 0) % SLOTS
