"""One call of every command on a data type; "a" is the key that decides its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django_cachex.commands import Command
from django_cachex.commands.bitmaps import BitmapCommands, HyperLogLogCommands
from django_cachex.commands.hashes import HashCommands
from django_cachex.commands.lists import ListCommands
from django_cachex.commands.sets import SetCommands
from django_cachex.commands.sorted_set_ranges import SortedSetRangeCommands
from django_cachex.commands.sorted_sets import SortedSetCommands
from django_cachex.commands.stream_groups import StreamGroupCommands
from django_cachex.commands.streams import StreamCommands

GROUPS: dict[str, tuple[type, ...]] = {
    "list": (ListCommands,),
    "set": (SetCommands,),
    "hash": (HashCommands,),
    "zset": (SortedSetCommands, SortedSetRangeCommands),
    "stream": (StreamCommands, StreamGroupCommands),
    "bits": (BitmapCommands,),
    "hyperloglog": (HyperLogLogCommands,),
}


@dataclass(frozen=True)
class Sample:
    """Arguments of a call, and what a lost server answers where that is not as an empty one."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    lost: Any = ...

    def command(self, commands: Any, name: str) -> Command[Any]:
        """Return the command that this call would send."""
        found: Command[Any] = getattr(commands, f"_{name}")(*self.args, **self.kwargs)
        return found


def call(*args: Any, lost: Any = ..., **kwargs: Any) -> Sample:
    return Sample(args, kwargs, lost)


RAISES = object()
"""What counts, or waits, raises: no number would be true, and a loop would not pause."""

SAMPLES: dict[str, dict[str, Sample]] = {
    "list": {
        "llen": call("a"),
        "lrange": call("a", 0, -1),
        "lindex": call("a", 0),
        "lpos": call("a", 1),
        "lset": call("a", 0, 1),
        "linsert": call("a", "BEFORE", 1, 2),
        "lrem": call("a", 0, 1),
        "ltrim": call("a", 0, 1),
        "lpush": call("a", 1, lost=0),
        "rpush": call("a", 1, lost=0),
        "lpushx": call("a", 1),
        "rpushx": call("a", 1),
        "lpop": call("a"),
        "rpop": call("a", 2),
        "lmove": call("a", "b"),
        "lmpop": call(1, "a", direction="LEFT"),
        "blpop": call("a", 0.01, lost=RAISES),
        "brpop": call(["a", "b"], 0.01, lost=RAISES),
        "blmove": call("a", "b", 0.01, lost=RAISES),
        "blmpop": call(0.01, 2, "a", "b", direction="RIGHT", lost=RAISES),
    },
    "set": {
        "scard": call("a"),
        "sadd": call("a", 1, lost=0),
        "srem": call("a", 1),
        "smove": call("a", "b", 1),
        "sismember": call("a", 1),
        "smismember": call("a", [1, 2]),
        "smembers": call("a"),
        "spop": call("a", 2),
        "srandmember": call("a"),
        "sunion": call("a", "b"),
        "sinter": call("a", "b"),
        "sdiff": call("a", "b"),
        "sunionstore": call("d", "a", "b"),
        "sinterstore": call("d", "a", "b"),
        "sdiffstore": call("d", "a", "b"),
        "sintercard": call(2, ["a", "b"]),
        "sscan": call("a"),
    },
    "hash": {
        "hlen": call("a"),
        "hget": call("a", "x"),
        "hmget": call("a", ["x", "y"]),
        "hgetall": call("a"),
        "hkeys": call("a"),
        "hvals": call("a"),
        "hexists": call("a", "x"),
        "hstrlen": call("a", "x"),
        "hrandfield": call("a", 2, True),
        "hset": call("a", "x", 1, lost=0),
        "hsetnx": call("a", "x", 1, lost=False),
        "hdel": call("a", "x"),
        "hincrby": call("a", "x", lost=RAISES),
        "hincrbyfloat": call("a", "x", lost=RAISES),
        "hscan": call("a"),
        "hexpire": call("a", 5, "x", "y"),
        "hpexpire": call("a", 5, "x", "y"),
        "hexpireat": call("a", 2e9, "x", "y"),
        "hpexpireat": call("a", 2 * 10**12, "x", "y"),
        "hpersist": call("a", "x", "y"),
        "httl": call("a", "x", "y"),
        "hpttl": call("a", "x", "y"),
        "hexpiretime": call("a", "x", "y"),
        "hpexpiretime": call("a", "x", "y"),
    },
    "zset": {
        "zcard": call("a"),
        "zadd": call("a", {"x": 1}, lost=0),
        "zincrby": call("a", 1, "x", lost=RAISES),
        "zrem": call("a", "x"),
        "zscore": call("a", "x"),
        "zmscore": call("a", ["x", "y"]),
        "zrank": call("a", "x"),
        "zrevrank": call("a", "x"),
        "zcount": call("a", 0, 1),
        "zlexcount": call("a", "-", "+"),
        "zrandmember": call("a", 2),
        "zscan": call("a"),
        "zrange": call("a", 0, -1, withscores=True),
        "zrangestore": call("d", "a", 0, -1),
        "zremrangebyrank": call("a", 0, 1),
        "zremrangebyscore": call("a", 0, 1),
        "zremrangebylex": call("a", "-", "+"),
        "zpopmin": call("a"),
        "zpopmax": call("a", 2),
        "zmpop": call(2, ["a", "b"], min=True),
        "bzmpop": call(0.01, 2, ["a", "b"], max=True, lost=RAISES),
        "bzpopmin": call("a", 0.01, lost=RAISES),
        "bzpopmax": call(["a", "b"], 0.01, lost=RAISES),
        "zunion": call(["a", "b"]),
        "zinter": call(["a", "b"], withscores=True),
        "zdiff": call(["a", "b"]),
        "zunionstore": call("d", {"a": 1, "b": 2}),
        "zinterstore": call("d", ["a", "b"]),
        "zdiffstore": call("d", ["a", "b"]),
        "zintercard": call(2, ["a", "b"]),
    },
    "stream": {
        "xlen": call("a"),
        "xadd": call("a", {"x": 1}, lost=None),
        "xrange": call("a"),
        "xrevrange": call("a"),
        "xdel": call("a", "1-1"),
        "xtrim": call("a", maxlen=5),
        "xread": call({"a": 0, "b": 0}, block=10, lost=RAISES),
        "xreadgroup": call("g", "me", {"a": ">"}),
        "xgroup_create": call("a", "g"),
        "xgroup_setid": call("a", "g", "0"),
        "xgroup_destroy": call("a", "g"),
        "xgroup_createconsumer": call("a", "g", "me"),
        "xgroup_delconsumer": call("a", "g", "me"),
        "xack": call("a", "g", "1-1"),
        "xpending": call("a", "g"),
        "xpending_range": call("a", "g", "-", "+", 5),
        "xclaim": call("a", "g", "me", 0, ["1-1"]),
        "xautoclaim": call("a", "g", "me", 0),
        "xinfo_stream": call("a"),
        "xinfo_groups": call("a"),
        "xinfo_consumers": call("a", "g"),
    },
    "bits": {
        "getbit": call("a", 5),
        "setbit": call("a", 5, 1, lost=0),
        "bitcount": call("a"),
        "bitpos": call("a", 1),
        "bitop": call("OR", "d", "a", "b"),
    },
    "hyperloglog": {
        "pfadd": call("a", 1, lost=False),
        "pfcount": call("a", "b"),
        "pfmerge": call("d", "a", "b"),
    },
}

EVERY = {name: sample for samples in SAMPLES.values() for name, sample in samples.items()}


def commands_of(group: tuple[type, ...]) -> set[str]:
    """Return the names of a group's commands: those with a builder."""
    return {
        name[1:]
        for kind in group
        for name in dir(kind)
        if name[0] == "_" and name[1] != "_" and hasattr(kind, f"a{name[1:]}")
    }
