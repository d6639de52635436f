"""Commands on hashes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic

from django_cachex.commands.args import (
    encode_name,
    encode_names,
    encode_score,
    list_or_args,
    scan_args,
    single_expire_condition,
    timeout_to_ms,
    timestamp_to_ms,
    to_ms,
    to_timestamp_ms,
)
from django_cachex.commands.base import Commands, FieldT
from django_cachex.commands.command import (
    COUNTER_UNAVAILABLE,
    EMPTY_SCAN,
    Command,
    EncodableArg,
    async_method,
    iter_pairs,
    parse_ttls,
    sync_method,
)

FieldResults = list[int]
"""For each field: 1 for success, 0 for a condition that wasn't met, 2 for a field that was deleted
because the time has passed, -2 for a field that doesn't exist."""


class HashCommands(Commands, Generic[FieldT]):
    """The commands of Valkey's *hash* group.

    Values are encoded and decoded like those of `set` and `get`. Field names are text, bytes or
    numbers, and a cache returns them as text. A hash is deleted with its last field. Fields can
    expire in Valkey 9.0 and Redis 7.4 or later.

    Methods raise `WrongTypeError` if the key has another type.
    """

    # Methods such as `hget` and `ahget` are made from `_hget` at the end of the class.

    def _hlen(self, key: Any, version: int | None = None) -> Command[int]:
        """Return the number of fields of a hash; 0 if the key doesn't exist.

        See https://valkey.io/commands/hlen/
        """
        return Command(
            ("HLEN", self._stored_key(key, version)), int, readonly=True, missing_reply=0
        )

    def _hget(self, key: Any, field: EncodableArg, version: int | None = None) -> Command[Any]:
        """Return the value of a field; None if the field doesn't exist.

        See https://valkey.io/commands/hget/
        """
        args = ("HGET", self._stored_key(key, version), encode_name(field))
        return Command(args, self._decode_optional, readonly=True)

    def _hmget(
        self, key: Any, fields: Any, *args: EncodableArg, version: int | None = None
    ) -> Command[list[Any]]:
        """Return the values of several fields.

        Args:
            fields, *args: the fields, one by one or as a list.

        Returns:
            A list of values, with None for fields that don't exist.

        Raises:
            ValueError: no field is given.

        See https://valkey.io/commands/hmget/
        """
        names = encode_names(list_or_args(fields, args))
        command_args = ("HMGET", self._stored_key(key, version), *names)
        return Command(
            command_args, self._decode_all, readonly=True, missing_reply=[None] * len(names)
        )

    def _hgetall(self, key: Any, version: int | None = None) -> Command[dict[FieldT, Any]]:
        """Return all fields and their values. Use `hscan_iter` for a large hash.

        Returns:
            A dict; empty if the key doesn't exist.

        See https://valkey.io/commands/hgetall/
        """
        args = ("HGETALL", self._stored_key(key, version))
        return Command(args, self._decode_fields, readonly=True, missing_reply=())

    def _hkeys(self, key: Any, version: int | None = None) -> Command[list[FieldT]]:
        """Return the names of all fields.

        See https://valkey.io/commands/hkeys/
        """
        args = ("HKEYS", self._stored_key(key, version))
        return Command(args, self._decode_names, readonly=True, missing_reply=())

    def _hvals(self, key: Any, version: int | None = None) -> Command[list[Any]]:
        """Return the values of all fields.

        See https://valkey.io/commands/hvals/
        """
        args = ("HVALS", self._stored_key(key, version))
        return Command(args, self._decode_all, readonly=True, missing_reply=())

    def _hexists(self, key: Any, field: EncodableArg, version: int | None = None) -> Command[bool]:
        """Check whether a field exists.

        See https://valkey.io/commands/hexists/
        """
        args = ("HEXISTS", self._stored_key(key, version), encode_name(field))
        return Command(args, bool, readonly=True, missing_reply=0)

    def _hstrlen(self, key: Any, field: EncodableArg, version: int | None = None) -> Command[int]:
        """Return the size of a field's value.

        Returns:
            The size of the stored value in bytes; 0 if the field doesn't exist.

        See https://valkey.io/commands/hstrlen/
        """
        args = ("HSTRLEN", self._stored_key(key, version), encode_name(field))
        return Command(args, int, readonly=True, missing_reply=0)

    def _hrandfield(
        self,
        key: Any,
        count: int | None = None,
        withvalues: bool = False,
        version: int | None = None,
    ) -> Command[Any]:
        """Return random fields.

        Args:
            count: return a list of up to so many fields; if it is negative, a field may be
                repeated.
            withvalues: return pairs of names and values; requires `count`.

        Returns:
            The name of a field, or None if there is none. With `count`, a list of names, or of
            pairs.

        Raises:
            ValueError: `withvalues` is set without `count`.

        See https://valkey.io/commands/hrandfield/
        """
        args = ("HRANDFIELD", self._stored_key(key, version))
        if count is None:
            if withvalues:
                raise ValueError("hrandfield() only returns values with a count.")
            return Command(args, self._decode_optional_name, readonly=True)
        if not withvalues:
            return Command((*args, count), self._decode_names, readonly=True, missing_reply=())

        def parse(flat: Sequence[bytes]) -> list[tuple[FieldT, Any]]:
            return [
                (self._decode_name(name), self._decode(value)) for name, value in iter_pairs(flat)
            ]

        return Command((*args, count, "WITHVALUES"), parse, readonly=True, missing_reply=())

    def _hset(
        self,
        key: Any,
        field: EncodableArg | None = None,
        value: Any = None,
        mapping: Mapping[Any, Any] | None = None,
        items: Sequence[Any] | None = None,
        version: int | None = None,
    ) -> Command[int]:
        """Set one or more fields of a hash. Existing fields are replaced, and lose their expiry.

        Args:
            field, value: a field and its value.
            mapping: several fields and their values.
            items: a flat list of fields and values: `[field, value, field, value]`.

        Returns:
            The number of fields that are new; fields that were replaced don't count.

        Raises:
            ValueError: no field is given, or `items` has an odd length.

        See https://valkey.io/commands/hset/
        """
        fields = dict(mapping or {}) if field is None else {field: value, **(mapping or {})}
        if items:
            fields.update(zip(items[::2], items[1::2], strict=True))
        args = ("HSET", self._stored_key(key, version), *self._encode_fields(fields))
        return Command(args, int, missing_reply=0)

    def _hsetnx(
        self, key: Any, field: EncodableArg, value: Any, version: int | None = None
    ) -> Command[bool]:
        """Set a field of a hash, unless it exists.

        Returns:
            Whether the value was stored; False if the field exists.

        See https://valkey.io/commands/hsetnx/
        """
        args = ("HSETNX", self._stored_key(key, version), encode_name(field), self._encode(value))
        return Command(args, bool, missing_reply=0)

    def _hdel(self, key: Any, *fields: EncodableArg, version: int | None = None) -> Command[int]:
        """Delete fields of a hash.

        Args:
            *fields: the fields.

        Returns:
            How many fields existed.

        Raises:
            ValueError: no field is given.

        See https://valkey.io/commands/hdel/
        """
        args = ("HDEL", self._stored_key(key, version), *encode_names(fields))
        return Command(args, int, missing_reply=0)

    def _hincrby(
        self, key: Any, field: EncodableArg, amount: int = 1, version: int | None = None
    ) -> Command[int]:
        """Add to an integer in a field; a missing field counts as 0.

        Args:
            amount: the integer to add; it may be negative.

        Returns:
            The new value.

        Raises:
            WrongTypeError: the field isn't an integer, or the key has another type.

        See https://valkey.io/commands/hincrby/
        """
        args = ("HINCRBY", self._stored_key(key, version), encode_name(field), amount)
        return Command(args, int, missing_reply=COUNTER_UNAVAILABLE)

    def _hincrbyfloat(
        self, key: Any, field: EncodableArg, amount: float = 1.0, version: int | None = None
    ) -> Command[float]:
        """Add to a number in a field; a missing field counts as 0.

        Args:
            amount: the number to add; it may be negative.

        Returns:
            The new value.

        Raises:
            WrongTypeError: the field isn't a number in the server's own format, or the key has
                another type.

        See https://valkey.io/commands/hincrbyfloat/
        """
        args = (
            "HINCRBYFLOAT",
            self._stored_key(key, version),
            encode_name(field),
            encode_score(amount),
        )
        return Command(args, float, missing_reply=COUNTER_UNAVAILABLE)

    def _hscan(
        self,
        key: Any,
        cursor: int = 0,
        match: bytes | str | None = None,
        count: int | None = None,
        version: int | None = None,
    ) -> Command[tuple[int, dict[FieldT, Any]]]:
        """Return a batch of fields of a hash and their values.

        Start with a cursor of 0, and pass the cursor of each result to the next call. A batch may
        be empty.

        Args:
            cursor: where to continue; 0 to start.
            match: a glob pattern that the names of the fields must match.
            count: about how many the server examines; 10 by default.

        Returns:
            The next cursor, which is 0 at the end, and a dict.

        See https://valkey.io/commands/hscan/
        """

        def parse(reply: tuple[bytes, list[bytes]]) -> tuple[int, dict[FieldT, Any]]:
            return int(reply[0]), self._decode_fields(reply[1])

        args = ("HSCAN", self._stored_key(key, version), str(cursor))
        return Command((*args, *scan_args(match, count)), parse, missing_reply=EMPTY_SCAN)

    def _decode_optional_name(self, stored: bytes | None) -> FieldT | None:
        return None if stored is None else self._decode_name(stored)

    hlen, ahlen = sync_method(_hlen), async_method(_hlen)
    hget, ahget = sync_method(_hget), async_method(_hget)
    hmget, ahmget = sync_method(_hmget), async_method(_hmget)
    hgetall, ahgetall = sync_method(_hgetall), async_method(_hgetall)
    hkeys, ahkeys = sync_method(_hkeys), async_method(_hkeys)
    hvals, ahvals = sync_method(_hvals), async_method(_hvals)
    hexists, ahexists = sync_method(_hexists), async_method(_hexists)
    hstrlen, ahstrlen = sync_method(_hstrlen), async_method(_hstrlen)
    hrandfield, ahrandfield = sync_method(_hrandfield), async_method(_hrandfield)
    hset, ahset = sync_method(_hset), async_method(_hset)
    hsetnx, ahsetnx = sync_method(_hsetnx), async_method(_hsetnx)
    hdel, ahdel = sync_method(_hdel), async_method(_hdel)
    hincrby, ahincrby = sync_method(_hincrby), async_method(_hincrby)
    hincrbyfloat, ahincrbyfloat = sync_method(_hincrbyfloat), async_method(_hincrbyfloat)
    hscan, ahscan = sync_method(_hscan), async_method(_hscan)

    # Expiry of fields.

    def _hexpire(
        self,
        key: Any,
        seconds: float | timedelta,
        *fields: EncodableArg,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
        version: int | None = None,
    ) -> Command[FieldResults]:
        """Let fields expire after some seconds.

        Args:
            seconds: the time in seconds, which may have a fraction, or a timedelta.
            *fields: the fields.
            nx: set the expiry only if the field has none.
            xx: set the expiry only if the field has one.
            gt: set the expiry only if it is later than the current one.
            lt: set the expiry only if it is earlier than the current one.

        Returns:
            For each field: 1 if the expiry was set, 0 if the condition wasn't met, 2 if the field
            was deleted because the time has passed, -2 if it doesn't exist.

        Raises:
            TypeError: `seconds` is None; use `hpersist` to remove the expiry.
            NotSupportedError: the server is older than Valkey 9.0 or Redis 7.4.
            ValueError: no field is given, or more than one condition is set.

        See https://valkey.io/commands/hexpire/
        """
        time = timeout_to_ms(seconds)
        if time is None:
            raise TypeError("hexpire() needs a time. Use hpersist() to remove the expiry.")
        return self._fields_command(
            "HPEXPIRE", key, fields, version, time, *single_expire_condition(nx, xx, gt, lt)
        )

    def _hpexpire(
        self,
        key: Any,
        milliseconds: int | timedelta,
        *fields: EncodableArg,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
        version: int | None = None,
    ) -> Command[FieldResults]:
        """Let fields expire after some milliseconds.

        Args:
            milliseconds: the time in milliseconds, or a timedelta.
            *fields: the fields.
            nx, xx, gt, lt: conditions, as for `hexpire`.

        Returns:
            For each field: 1 if the expiry was set, 0 if the condition wasn't met, 2 if the field
            was deleted because the time has passed, -2 if it doesn't exist.

        Raises:
            NotSupportedError: the server is older than Valkey 9.0 or Redis 7.4.
            ValueError: no field is given, or more than one condition is set.

        See https://valkey.io/commands/hpexpire/
        """
        time = to_ms(milliseconds)
        return self._fields_command(
            "HPEXPIRE", key, fields, version, time, *single_expire_condition(nx, xx, gt, lt)
        )

    def _hexpireat(
        self,
        key: Any,
        unix_time_seconds: float | datetime,
        *fields: EncodableArg,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
        version: int | None = None,
    ) -> Command[FieldResults]:
        """Let fields expire at a time.

        Args:
            unix_time_seconds: a datetime, or seconds since 1970.
            *fields: the fields.
            nx, xx, gt, lt: conditions, as for `hexpire`.

        Returns:
            For each field: 1 if the expiry was set, 0 if the condition wasn't met, 2 if the field
            was deleted because the time has passed, -2 if it doesn't exist.

        Raises:
            NotSupportedError: the server is older than Valkey 9.0 or Redis 7.4.
            ValueError: no field is given, or more than one condition is set.

        See https://valkey.io/commands/hexpireat/
        """
        time = timestamp_to_ms(unix_time_seconds)
        return self._fields_command(
            "HPEXPIREAT", key, fields, version, time, *single_expire_condition(nx, xx, gt, lt)
        )

    def _hpexpireat(
        self,
        key: Any,
        unix_time_milliseconds: int | datetime,
        *fields: EncodableArg,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
        version: int | None = None,
    ) -> Command[FieldResults]:
        """Let fields expire at a time.

        Args:
            unix_time_milliseconds: a datetime, or milliseconds since 1970.
            *fields: the fields.
            nx, xx, gt, lt: conditions, as for `hexpire`.

        Returns:
            For each field: 1 if the expiry was set, 0 if the condition wasn't met, 2 if the field
            was deleted because the time has passed, -2 if it doesn't exist.

        Raises:
            NotSupportedError: the server is older than Valkey 9.0 or Redis 7.4.
            ValueError: no field is given, or more than one condition is set.

        See https://valkey.io/commands/hpexpireat/
        """
        time = to_timestamp_ms(unix_time_milliseconds)
        return self._fields_command(
            "HPEXPIREAT", key, fields, version, time, *single_expire_condition(nx, xx, gt, lt)
        )

    def _hpersist(
        self, key: Any, *fields: EncodableArg, version: int | None = None
    ) -> Command[FieldResults]:
        """Remove the expiry of fields.

        Args:
            *fields: the fields.

        Returns:
            For each field: 1 if its expiry was removed, -1 if it had none, -2 if it doesn't exist.

        Raises:
            NotSupportedError: the server is older than Valkey 9.0 or Redis 7.4.
            ValueError: no field is given.

        See https://valkey.io/commands/hpersist/
        """
        return self._fields_command("HPERSIST", key, fields, version)

    def _httl(
        self, key: Any, *fields: EncodableArg, version: int | None = None
    ) -> Command[list[int | None]]:
        """Return how long fields still live, in seconds.

        Args:
            *fields: the fields.

        Returns:
            For each field: the remaining time in seconds, None if the field never expires, -2 if it
            doesn't exist.

        Raises:
            NotSupportedError: the server is older than Valkey 9.0 or Redis 7.4.
            ValueError: no field is given.

        See https://valkey.io/commands/httl/
        """
        return self._ttls_command("HTTL", key, fields, version)

    def _hpttl(
        self, key: Any, *fields: EncodableArg, version: int | None = None
    ) -> Command[list[int | None]]:
        """Return how long fields still live, in milliseconds.

        Args:
            *fields: the fields.

        Returns:
            For each field: the remaining time in milliseconds, None if the field never expires, -2
            if it doesn't exist.

        Raises:
            NotSupportedError: the server is older than Valkey 9.0 or Redis 7.4.
            ValueError: no field is given.

        See https://valkey.io/commands/hpttl/
        """
        return self._ttls_command("HPTTL", key, fields, version)

    def _hexpiretime(
        self, key: Any, *fields: EncodableArg, version: int | None = None
    ) -> Command[list[int | None]]:
        """Return when fields expire, in seconds since 1970.

        Args:
            *fields: the fields.

        Returns:
            For each field: the Unix time in seconds, None if the field never expires, -2 if it
            doesn't exist.

        Raises:
            NotSupportedError: the server is older than Valkey 9.0 or Redis 7.4.
            ValueError: no field is given.

        See https://valkey.io/commands/hexpiretime/
        """
        return self._ttls_command("HEXPIRETIME", key, fields, version)

    def _hpexpiretime(
        self, key: Any, *fields: EncodableArg, version: int | None = None
    ) -> Command[list[int | None]]:
        """Return when fields expire, in milliseconds since 1970.

        Args:
            *fields: the fields.

        Returns:
            For each field: the Unix time in milliseconds, None if the field never expires, -2 if it
            doesn't exist.

        Raises:
            NotSupportedError: the server is older than Valkey 9.0 or Redis 7.4.
            ValueError: no field is given.

        See https://valkey.io/commands/hpexpiretime/
        """
        return self._ttls_command("HPEXPIRETIME", key, fields, version)

    def _fields_command(
        self,
        name: str,
        key: Any,
        fields: tuple[EncodableArg, ...],
        version: Any,
        *arguments: EncodableArg,
    ) -> Command[FieldResults]:
        names = encode_names(fields)
        args = (name, self._stored_key(key, version), *arguments, "FIELDS", len(names), *names)
        return Command(args, list, missing_reply=[-2] * len(names))

    def _ttls_command(
        self, name: str, key: Any, fields: tuple[EncodableArg, ...], version: Any
    ) -> Command[list[int | None]]:
        args = self._fields_command(name, key, fields, version).args
        return Command(args, parse_ttls, readonly=True, missing_reply=[-2] * len(fields))

    hexpire, ahexpire = sync_method(_hexpire), async_method(_hexpire)
    hpexpire, ahpexpire = sync_method(_hpexpire), async_method(_hpexpire)
    hexpireat, ahexpireat = sync_method(_hexpireat), async_method(_hexpireat)
    hpexpireat, ahpexpireat = sync_method(_hpexpireat), async_method(_hpexpireat)
    hpersist, ahpersist = sync_method(_hpersist), async_method(_hpersist)
    httl, ahttl = sync_method(_httl), async_method(_httl)
    hpttl, ahpttl = sync_method(_hpttl), async_method(_hpttl)
    hexpiretime, ahexpiretime = sync_method(_hexpiretime), async_method(_hexpiretime)
    hpexpiretime, ahpexpiretime = sync_method(_hpexpiretime), async_method(_hpexpiretime)
