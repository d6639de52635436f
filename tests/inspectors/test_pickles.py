"""Pickles are read whole, never executed, and within bounds."""

from __future__ import annotations

import collections
import copyreg
import datetime
import decimal
import fractions
import io
import pickle
import pickletools
import sys
import time
import tracemalloc
import types
import uuid
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache.backends.locmem import LocMemCache
from django.http import HttpResponse
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import strategies as st

from django_cachex.inspectors.values.pickle import OPCODE_HANDLERS, PickleContent, read_pickle
from django_cachex.inspectors.values.tree import (
    CONSTRUCTORS,
    DecodeLimits,
    Reference,
    Truncated,
    TruncationReason,
    UnresolvedObject,
)
from tests.inspectors.pickle_samples import (
    SAMPLE,
    UTC,
    Colour,
    Keyword,
    Pair,
    Point,
    Shell,
    Size,
    plain,
    shape,
    unhurried,
)

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def nodes_of(tree: Any) -> int:
    """Count what a reader of the tree would meet, by a way of its own."""
    if isinstance(tree, dict):
        return 1 + sum(
            (type(key) is not str) * nodes_of(key) + nodes_of(value) for key, value in tree.items()
        )
    if isinstance(tree, list | tuple | set | frozenset):
        return 1 + sum(nodes_of(part) for part in tree)
    return 1


def depth_of(tree: Any) -> int:
    if isinstance(tree, dict):
        tree = [*tree, *tree.values()]
    if isinstance(tree, list | tuple | set | frozenset):
        return 1 + max((depth_of(part) for part in tree), default=0)
    return 0


@unhurried
@given(plain, st.sampled_from(PROTOCOLS))
def test_plain_data_reads_as_pickle_loads_reads_it(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    pickled = read_pickle(data)
    assert shape(pickled.value) == shape(pickle.loads(data))
    assert pickled.incomplete_reason == ""
    assert not pickled.is_damaged
    # Of protocols 0 and 1 only the opcodes tell, and a scalar may need none of 1's.
    assert pickled.protocol in ((0, 1) if protocol == 1 else (protocol,))
    assert pickled.node_count >= nodes_of(pickled.value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_long_containers_come_in_batches(protocol: int) -> None:
    value = {"list": list(range(2500)), "dict": {str(n): n for n in range(2500)}}
    assert read_pickle(pickle.dumps(value, protocol)).value == value


@pytest.mark.parametrize("size", [255, 256, 70_000])
def test_long_texts_and_bytes_read(size: int) -> None:
    value = ["é" * size, b"\xff" * size, 1 << (8 * size)]
    pickled = read_pickle(pickle.dumps(value, 4))
    assert pickled.value[:2] == value[:2]


def test_every_opcode_of_every_protocol_is_known() -> None:
    codes = {opcode.code.encode("latin-1") for opcode in pickletools.opcodes}
    assert set(OPCODE_HANDLERS) | {pickle.STOP} == codes


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"S'abc'\n.", "abc"),
        (b"T\x03\x00\x00\x00abc.", "abc"),
        (b"U\x03abc.", "abc"),
        (b"I01\n.", True),
        (b"I-7\n.", -7),
        (b"(lp0\nI1\naI2\na.", [1, 2]),
        (b"(S'a'\nI1\nd.", {"a": 1}),
        (b"(I1\nI2\nt.", (1, 2)),
        (b"(I1\nI2\nl.", [1, 2]),
        (b"I1\nI2\n0.", 1),
        (b"I1\n(I2\nI3\n1.", 1),
        (b"I1\n2\x86.", (1, 1)),
    ],
)
def test_old_and_odd_opcodes(data: bytes, value: Any) -> None:
    pickled = read_pickle(data)
    assert pickled.value == value == pickle.loads(data)


def test_python_2_bytes_are_labelled() -> None:
    for data in (b"U\x02\xc3\xa9.", b"S'\\xc3'\n."):
        assert read_pickle(data).value.name == "Python 2 str"


def test_bytes_after_the_end_are_ignored() -> None:
    assert read_pickle(pickle.dumps([1]) + b"garbage").value == [1]


# Objects.


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_objects_become_labels_that_keep_their_state(protocol: int) -> None:
    Point.restored.clear()
    pickled = read_pickle(pickle.dumps([Point(3)], protocol))
    (point,) = pickled.value
    assert isinstance(point, UnresolvedObject)
    assert point.name == "tests.inspectors.pickle_samples.Point"
    assert point.args == ()
    assert point.states == ({"x": 3},)
    assert Point.restored == []
    assert "tests.inspectors.pickle_samples.Point" in str(pickled.json_unsafe_reason)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_collections_hold_is_kept(protocol: int) -> None:
    def read(value: Any) -> UnresolvedObject:
        found = read_pickle(pickle.dumps(value, protocol)).value
        assert isinstance(found, UnresolvedObject)
        return found

    ordered = read(collections.OrderedDict(a=1))
    assert (ordered.name, ordered.pairs) == ("collections.OrderedDict", (("a", 1),))
    default = read(collections.defaultdict(list, a=[1]))
    assert (default.args[0].name, default.pairs) == ("builtins.list", (("a", [1]),))
    bounded = read(collections.deque([1, 2], maxlen=3))
    assert (bounded.items, bounded.keywords) == ((1, 2), {"maxlen": 3})
    assert read(collections.deque([1])).items == (1,)
    assert read(collections.Counter("aab")).args == ({"a": 2, "b": 1},)
    assert read(Colour.RED).args == ("red",)
    assert read(fractions.Fraction(1, 3)).name == "fractions.Fraction"
    assert read(zoneinfo.ZoneInfo("Europe/Paris")).args == ("Europe/Paris",)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_time_in_a_named_zone_is_text_beside_the_zone(protocol: int) -> None:
    zone = zoneinfo.ZoneInfo("Europe/Paris")
    moment = datetime.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=zone)
    found = read_pickle(pickle.dumps(moment, protocol)).value
    assert found.name == "datetime.datetime"
    assert found.args[0] == "2026-10-25T02:30:00"
    assert found.args[1].args == ("Europe/Paris",)
    # Protocols before 4 do not say which of two times it is.
    assert found.keywords == ({"fold": 1} if protocol >= 4 else {})


@pytest.mark.parametrize("fold", [0, 1])
def test_folds_are_kept(fold: int) -> None:
    for value in (datetime.datetime(2026, 1, 2, fold=fold), datetime.time(1, fold=fold)):
        found = read_pickle(pickle.dumps(value)).value
        assert (found, found.fold) == (value, fold)


def test_new_with_keywords_keeps_them() -> None:
    found = read_pickle(pickle.dumps(Keyword(), 4)).value
    assert (found.args, found.keywords) == ((1,), {"two": 2})
    found = read_pickle(pickle.dumps(Keyword(), 2)).value
    # Protocols before 4 call a functools.partial.
    assert found.name == "unknown"
    assert found.args[0].name == "functools.partial"
    assert found.args[0].states[0][1][1:] == (1,)


def test_django_objects_are_named_as_django_names_them() -> None:
    user = read_pickle(pickle.dumps(User(username="ana"))).value
    assert user.name == "auth.User"
    assert user.states[0]["username"] == "ana"
    response = read_pickle(pickle.dumps(HttpResponse(b"<p>hello</p>"))).value
    assert response.name == "django.http.response.HttpResponse"
    assert response.states[0]["_container"] == [b"<p>hello</p>"]
    safe = read_pickle(pickle.dumps(mark_safe("<b>"))).value
    assert (safe.name, safe.args) == ("django.utils.safestring.SafeString", ("<b>",))


def test_a_class_that_does_not_import_still_shows() -> None:
    module = types.ModuleType("module_of_yesterday")
    gone = type("Gone", (), {"__module__": module.__name__, "__qualname__": "Gone"})
    module.Gone = gone  # type: ignore[attr-defined] # modules have any attributes
    sys.modules[module.__name__] = module
    instance = gone()
    instance.left = [1, 2]
    data = pickle.dumps(instance)
    del sys.modules[module.__name__]
    with pytest.raises(ModuleNotFoundError):
        pickle.loads(data)
    found = read_pickle(data).value
    assert (found.name, found.states) == ("module_of_yesterday.Gone", ({"left": [1, 2]},))


def test_persistent_ids_and_buffers_are_labelled() -> None:
    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return ("row", 7) if isinstance(value, Point) else None

    for protocol in PROTOCOLS[1:]:
        file = io.BytesIO()
        Pickler(file, protocol).dump([Point(1)])
        (found,) = read_pickle(file.getvalue()).value
        assert (found.name, found.args) == ("persistent_load", (("row", 7),))
    assert read_pickle(b"Pabc\n.").value.args == ("abc",)
    out_of_band: list[pickle.PickleBuffer] = []
    data = pickle.dumps(pickle.PickleBuffer(b"big"), protocol=5, buffer_callback=out_of_band.append)
    assert isinstance(read_pickle(data).value, Reference)


# Nothing runs.


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "ran"
    yield path
    assert not path.exists()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickle_that_runs_a_command_runs_nothing(marker: Path, protocol: int) -> None:
    data = pickle.dumps({"a": [Shell(f"touch {marker}")]}, protocol)
    call = read_pickle(data).value["a"][0]
    assert call.name in ("posix.system", "nt.system")
    assert call.args == (f"touch {marker}",)
    assert not marker.exists()


@pytest.mark.parametrize(
    "program",
    [
        b"cos\nsystem\n(V%s\ntR.",
        b"(V%s\nios\nsystem\n.",
        b"(cos\nsystem\nV%s\no.",
        b"\x80\x02cos\nsystem\n(V%s\nt\x81.",
        b"\x80\x04cos\nsystem\n(V%s\nt}\x92.",
        b"c__builtin__\ngetattr\n(cos\nVsystem\ntR(V%s\ntR.",
        b"c__builtin__\ngetattr\n(cos\npath\nVsystem\ntR(V%s\ntR.",
        b"ccopyreg\n__newobj__\n(cos\nsystem\nV%s\ntR.",
        b"ccopyreg\n_reconstructor\n(cos\nsystem\nc__builtin__\nobject\nV%s\ntR.",
        b"c__builtin__\neval\n(V%s\ntR(V%s\ntR.",
        b"ccollections\nOrderedDict\n(tRV%s\ncos\nsystem\ns.",
    ],
)
def test_no_way_of_calling_calls(marker: Path, program: bytes) -> None:
    command = f"touch {marker}".encode()
    data = program.replace(b"%s", command)
    found = read_pickle(data)
    assert not found.is_json
    assert not marker.exists()


def test_a_named_module_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_by_nobody.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for data in (
        b"cimported_by_nobody\nanything\n.",
        b"\x80\x04\x8c\x12imported_by_nobody\x8c\x01x\x93.",
    ):
        assert read_pickle(data).value.name.startswith("imported_by_nobody.")
    assert "imported_by_nobody" not in sys.modules


class Extended:
    """Pickled by an extension code."""


@pytest.mark.parametrize("code", [0x71, 0x7171, 0x717171])
def test_extension_codes_name_without_the_cache_of_objects(code: int) -> None:
    copyreg.add_extension(__name__, "Extended", code)
    try:
        data = pickle.dumps(Extended, 2)
        assert read_pickle(data).value.name == f"{__name__}.Extended"
        assert pickle.loads(data) is Extended  # now the real class is cached
        assert isinstance(read_pickle(data).value, Reference)
        assert pickle.loads(data) is Extended
    finally:
        copyreg.remove_extension(__name__, "Extended", code)
    assert str(code) in read_pickle(data).value.name


# Bounds.


def test_memo_bombs_are_bounded_where_they_come_out() -> None:
    value: Any = "x"
    for _level in range(40):
        value = [value] * 10
    pickled = read_pickle(pickle.dumps(value))
    assert pickled.node_count <= 10_000 + 50
    assert nodes_of(pickled.value) <= 10_000 + 50 * 2
    assert not pickled.is_json


def test_a_shared_text_is_counted_each_time_it_shows() -> None:
    text = "x" * 100_000
    pickled = read_pickle(pickle.dumps([text] * 5000))
    shown = sum(len(part) for part in pickled.value if isinstance(part, str))
    assert shown <= 1024 * 1024
    assert pickled.value[-1].reason == TruncationReason.SIZE


def test_tuples_that_take_years_to_hash_are_not_hashed() -> None:
    # Each level is a tuple of the one before, twice: 2**60 leaves. Then a dict with it as key.
    data = b"\x80\x04)" + b"2\x86" * 60 + b"Ns."
    assert read_pickle(data).is_damaged
    pickled = read_pickle(b"\x80\x04})" + b"2\x86" * 60 + b"Ns.")
    assert pickled.node_count <= 10_000 + 100


def test_deep_nesting_ends_at_fifty() -> None:
    for data in (
        b"\x80\x04" + b"]" * 10_000 + b"a" * 9999 + b".",
        b"\x80\x04)" + b"\x85" * 20_000 + b".",
    ):
        pickled = read_pickle(data)
        assert not pickled.incomplete_reason
        assert depth_of(pickled.value) == 50
        assert not pickled.is_json
    fifty: Any = []
    for _level in range(49):
        fifty = [fifty]
    assert read_pickle(pickle.dumps(fifty)).is_json
    assert not read_pickle(pickle.dumps([fifty])).is_json


def test_recursion_is_shown_as_such() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    mapping: dict[str, Any] = {}
    mapping["self"] = mapping
    point = Point(1)
    point.x = [point]  # type: ignore[assignment] # as a cycle through an object
    for value in (loop, mapping, (loop,), point):
        pickled = read_pickle(pickle.dumps(value))
        assert not pickled.is_json
    assert read_pickle(pickle.dumps(loop)).value[1].reason == TruncationReason.RECURSIVE
    assert "itself" in str(read_pickle(pickle.dumps(loop)).json_unsafe_reason)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f.",  # BYTEARRAY8
        b"\x80\x05\x8e\xff\xff\xff\xff\x00\x00\x00\x00.",  # BINBYTES8
        b"\x80\x05\x8d\xff\xff\xff\xff\xff\xff\xff\xff.",  # BINUNICODE8
        b"\x80\x05\x95\xff\xff\xff\xff\xff\xff\xff\xff.",  # FRAME
        b"\x80\x02\x8b\xff\xff\xff\x7f.",  # LONG4
        b"\x80\x02Nr\xff\xff\xff\x7f.",  # LONG_BINPUT
        b"Np9999999999\n.",  # PUT
    ],
)
def test_huge_declared_lengths_reserve_nothing(data: bytes) -> None:
    tracemalloc.start()
    try:
        read_pickle(data)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_larger_pickles_are_not_read() -> None:
    pickled = read_pickle(pickle.dumps("x" * 20_000_000))
    assert pickled.value.reason == TruncationReason.SIZE
    assert pickled.incomplete_reason
    assert not pickled.is_damaged


def test_too_many_steps_leave_the_beginning() -> None:
    pickled = read_pickle(pickle.dumps(list(range(150_000))))
    assert pickled.incomplete_reason
    assert not pickled.is_damaged
    assert not pickled.is_json
    assert pickled.value[:100] == list(range(100))
    assert nodes_of(pickled.value) <= 10_002


def test_dicts_end_where_nodes_do() -> None:
    pickled = read_pickle(pickle.dumps({str(n): n for n in range(10_001)}))
    assert "too many parts" in str(pickled.json_unsafe_reason)
    assert len(pickled.value) == 10_000
    assert read_pickle(pickle.dumps({str(n): n for n in range(9999)})).is_json


def test_bounds_can_be_chosen() -> None:
    pickled = read_pickle(pickle.dumps([1, 2, 3, [4]]), DecodeLimits(nodes=3))
    assert pickled.value[:2] == [1, 2]
    assert (pickled.value[2].reason, pickled.value[2].count) == (TruncationReason.NODES, 2)


def test_integers_of_any_size() -> None:
    assert read_pickle(pickle.dumps(10**4000)).is_json
    huge = read_pickle(pickle.dumps({10**5000: 1}))
    (key,) = huge.value
    assert key.name == "builtins.int"
    assert not huge.is_json


def test_digits_cost_no_more_where_python_has_no_limit() -> None:
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        for code, end in ((b"I", b"\n."), (b"L", b"L\n."), (b"Np", b"\n."), (b"g", b"\n.")):
            began = time.process_time()
            assert read_pickle(code + b"9" * 1_000_000 + end).is_damaged
            assert time.process_time() - began < 1  # int() takes many seconds.
    finally:
        sys.set_int_max_str_digits(limit)


# Damage.


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickle_cut_anywhere_is_damaged(protocol: int) -> None:
    data = pickle.dumps(SAMPLE, protocol)
    for end in range(len(data)):
        pickled = read_pickle(data[:end])
        assert pickled.is_damaged, end
        assert str(pickled.incomplete_reason), end
        assert not pickled.is_json


def test_what_was_read_before_the_damage_is_kept() -> None:
    data = pickle.dumps({"first": "value", "second": [1, 2, 3]})
    assert read_pickle(data[:-3]).value == {"first": "value", "second": [1, 2, 3]}
    assert read_pickle(pickle.dumps(["a", "b", "c"])[:-3]).value == ["a", "b", "c"]
    assert read_pickle(b"").value.reason == TruncationReason.DAMAGE


NONSENSE = [
    *b". (. N(. a. Na. NNa. (Ns. }(Nu. NNR. Nb. NNb. (o. 2. 0. 1.".split(),
    *b"h\x07. q\x00. \x94. \x85. N(\x85. N\x90.".split(),
    *b"(N\x90. N(N\x90. \x80\x04NN\x93. \x80\x04)N\x93. \x80\x04\x8c\x02\xff\xfeN. \xff".split(),
    *(b"gx\n.", b"Ix\n.", b"Fx\n.", b"L1_0L\n.", b"S'\n.", b"Sabc\n.", b"V\\u12\n."),
    *(b"\x80\x09N.", b"\x80\x04cos\nsystem\n)N\x92.", b"I" + b"9" * 100_000 + b"\n."),
]


@pytest.mark.parametrize("data", NONSENSE)
def test_nonsense_is_damage_and_says_where(data: bytes) -> None:
    pickled = read_pickle(data)
    assert pickled.is_damaged
    assert "byte" in str(pickled.incomplete_reason) or "protocol" in str(pickled.incomplete_reason)


@unhurried
@given(
    st.sampled_from([pickle.dumps(SAMPLE, protocol) for protocol in PROTOCOLS]),
    st.integers(min_value=0),
    st.binary(min_size=1, max_size=4),
)
def test_corrupted_pickles_never_raise(data: bytes, position: int, noise: bytes) -> None:
    position %= len(data)
    corrupt = data[:position] + noise + data[position + len(noise) :]
    pickled = read_pickle(corrupt)
    assert nodes_of(pickled.value) <= 10_002


opcodes = st.sampled_from([opcode.code.encode("latin-1") for opcode in pickletools.opcodes])


@unhurried
@given(st.lists(opcodes | st.binary(max_size=3) | st.just(b"1\n"), max_size=60).map(b"".join))
def test_random_programs_never_raise(data: bytes) -> None:
    assert isinstance(read_pickle(data + b"."), PickleContent)


def test_what_cannot_be_hashed_is_listed() -> None:
    found = read_pickle(b"\x80\x04}]Ns.").value
    assert (found.name, found.pairs) == ("builtins.dict", (([], None),))
    found = read_pickle(b"\x80\x04\x8f(]\x90.").value
    assert (found.name, found.items) == ("builtins.set", ([],))
    not_a_number = pickle.dumps({decimal.Decimal("1"): 1}).replace(b"\x8c\x011", b"\x8c\x04sNaN")
    assert isinstance(
        read_pickle(not_a_number.replace(b"\x95", b"\x95", 1)).value, UnresolvedObject | Truncated
    )


def test_known_classes_with_odd_arguments_stay_labels() -> None:
    for data in (
        b"cdatetime\ndatetime\n(I1\ntR.",
        b"cdatetime\ndate\n(U\x04\x00\x00\x00\x00tR.",
        b"cdatetime\ndate\n\x80\x04C\x04\x00\x00\x00\x00\x85R.",
        b"\x80\x04cdatetime\ndatetime\nC\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x85R.",
        b"cdatetime\ndatetime\n(C\x01xtR.",
        b"cdatetime\ntime\n(C\x01xtR.",
        b"cdatetime\ndate\n(C\x04\x07\xea\x02\x1etR.",  # 30 February
        b"cdatetime\ndatetime\n(C\x0a\x07\xea\x01\x01\x01\x3c\x00\x00\x00\x00tR.",  # 60 minutes
        b"cdatetime\ntime\n(C\x06\x01\x01\x01\xff\xff\xfftR.",  # too many microseconds
        b"cdatetime\ntimedelta\n(I99999999999\nI0\nI0\ntR.",
        b"cdecimal\nDecimal\n(Vabc\ntR.",
        b"c__builtin__\nset\n(I1\ntR.",
        b"c__builtin__\nset\n(]]atR.",
        b"c_codecs\nencode\n(V\\u1234\nVlatin1\ntR.",
        b"cuuid\nUUID\n)R}(Vint\nI-1\nub.",
        b"c__builtin__\nset\n(]tR}b.",
        b"czoneinfo\nZoneInfo._unpickle\n)R.",
        b"c__builtin__\nbytes\n(I1000000000000\ntR.",
        b"c__builtin__\nbytearray\n(I1000000000000\ntR.",
        b"c__builtin__\nrange\n(I1000000000000\ntR.",
        b"cfractions\nFraction\n(V1e999999999\ntR.",
    ):
        pickled = read_pickle(data)
        assert not pickled.is_damaged, data
        assert isinstance(pickled.value, UnresolvedObject), data


@pytest.mark.parametrize("name", [*CONSTRUCTORS, "collections.deque", "uuid.UUID"])
def test_known_classes_given_nothing_they_take_stay_labels(name: str) -> None:
    module, _dot, attribute = name.partition(".")
    for arguments in (b"(Nt", b"(NNNNt", b"(C\x01xNt"):
        for state in (b"", b"Nb", b"}(Vint\nNub"):
            data = b"c%s\n%s\n" % (module.encode(), attribute.encode()) + arguments + b"R" + state
            pickled = read_pickle(data + b".")
            assert not pickled.is_damaged
            assert isinstance(pickled.value, UnresolvedObject)


def test_a_known_value_with_a_state_of_its_own_stays_a_label() -> None:
    plain = b"c__builtin__\nset\n(]Vtext\natR"
    assert read_pickle(plain + b".").value == {"text"}
    assert read_pickle(plain + b"}b.").value.states == ({},)


@pytest.mark.parametrize("zone", [UTC, datetime.timezone(datetime.timedelta(hours=1), "CET")])
def test_fixed_zones_are_values(zone: datetime.timezone) -> None:
    found = read_pickle(pickle.dumps(zone)).value
    assert (found, found.tzname(None)) == (zone, zone.tzname(None))


def test_odd_names_are_printable() -> None:
    data = b"\x80\x04\x8c\x06a\nb\x1b[m\x8c\x03\xed\xa0\x80\x93."
    name = read_pickle(data).value.name
    assert name.isprintable()
    name.encode()


# Exactness.


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -(2**70), 1.5, -0.0, "", "é", [], {}, [1, [2]], {"a": {"b": [None]}}],
)
def test_exactly_json(value: Any) -> None:
    pickled = read_pickle(pickle.dumps(value))
    assert pickled.is_json
    assert str(pickled.json_unsafe_reason) == ""


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ((1,), "tuple"),
        ({1}, "set"),
        (frozenset(), "frozenset"),
        (b"", "bytes"),
        (bytearray(), "bytearray"),
        (1j, "complex"),
        (decimal.Decimal(1), "Decimal"),
        (uuid.UUID(int=1), "UUID"),
        (datetime.datetime(2026, 1, 1), "datetime"),
        (float("nan"), "NaN"),
        (float("-inf"), "infinity"),
        ("\ud800", "surrogate"),
        ({"\udfff": 1}, "surrogate"),
        ({1: 2}, "key that isn't text"),
        ({(): 2}, "key that isn't text"),
        (mark_safe("x"), "django.utils.safestring.SafeString"),
        (Colour.RED, "Colour"),
        (Size.SMALL, "Size"),
        (Pair(1, 2), "Pair"),
        (int, "builtins.int"),
        (collections.OrderedDict(), "collections.OrderedDict"),
        (LocMemCache, "LocMemCache"),
    ],
)
def test_not_json_and_the_reason(value: Any, named: str) -> None:
    for wrapped in (value, [1, value], {"a": [value]}):
        pickled = read_pickle(pickle.dumps(wrapped))
        assert not pickled.is_json
        assert named in str(pickled.json_unsafe_reason)
