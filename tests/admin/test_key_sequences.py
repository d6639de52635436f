"""Any sequence of changes through the forms leaves keys as the same changes on a dict would."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import valkey
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.admin import addresses
from tests.admin.browser import Browser

NAMES = st.sampled_from("abc")
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=20)
NUMBERS = st.integers(-(2**40), 2**40)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
VALUES = TEXTS | NUMBERS | JSON
TICKS = st.sampled_from(["on", None])

STEPS = st.one_of(
    st.tuples(st.just("add"), NAMES, VALUES, TICKS),
    st.tuples(st.just("edit"), NAMES, VALUES),
    st.tuples(st.just("increase"), NAMES, NUMBERS.filter(bool)),
    st.tuples(st.just("lengthen"), NAMES, st.integers(1, 1000)),
    st.tuples(st.just("rename"), NAMES, NAMES, TICKS),
    st.tuples(st.just("copy"), NAMES, NAMES, TICKS),
    st.tuples(st.just("delete"), NAMES),
)


def typed(value: Any) -> dict[str, str]:
    """Return what a person would type to store a value."""
    from django_cachex.inspectors.values.parse import format_json

    if type(value) is int:
        return {"value": str(value), "store_as": "integer"}
    if type(value) is str:
        return {"value": value, "store_as": "text"}
    return {"value": format_json(value), "store_as": "json"}


@dataclass
class Model:
    """What should be stored: values, and when they expire, in milliseconds since the epoch."""

    person: Browser
    cache: Any
    raw: valkey.Valkey
    values: dict[str, Any] = field(default_factory=dict)
    expiries: dict[str, int] = field(default_factory=dict)

    def post(self, at: str, **data: Any) -> Any:
        given = {key: value for key, value in data.items() if value is not None}
        return self.person.post(addresses.key("valkey", f"p:1:{at}"), given)

    def expiry(self, name: str) -> int:
        return int(self.raw.execute_command("PEXPIRETIME", f"p:1:{name}"))

    def add(self, name: str, value: Any, replace: str | None) -> None:
        data = {"key": name, **typed(value), "timeout": "5000", "replace": replace}
        given = {key: value for key, value in data.items() if value is not None}
        self.person.post(addresses.add("valkey"), given)
        if replace or name not in self.values:
            self.values[name], self.expiries[name] = value, self.expiry(name)

    def edit(self, name: str, value: Any) -> None:
        page = self.person.open(addresses.key("valkey", f"p:1:{name}", mode="edit"))
        if name not in self.values:
            assert "There is no key" in page.text
            return
        self.person.submit(page, "save", **typed(value))
        self.values[name] = value

    def increase(self, name: str, by: int) -> None:
        self.post(name, mode="add-number", by=str(by))
        if type(self.values.get(name)) is int:
            self.values[name] += by

    def lengthen(self, name: str, seconds: int) -> None:
        self.post(name, mode="set-ttl", timeout=f"+{seconds}")
        if name in self.values:
            assert abs(self.expiry(name) - self.expiries[name] - seconds * 1000) < 50
            self.expiries[name] = self.expiry(name)

    def rename(self, name: str, to: str, overwrite: str | None) -> None:
        self.post(name, mode="set-name", name=to, overwrite=overwrite, confirmed="1")
        if self._may_move(name, to, overwrite):
            self.values[to] = self.values.pop(name)
            self.expiries[to] = self.expiries.pop(name)

    def copy(self, name: str, to: str, overwrite: str | None) -> None:
        data = {"name": to, "into": "valkey", "overwrite": overwrite, "confirmed": "1"}
        self.post(name, mode="make-copy", **data)
        if self._may_move(name, to, overwrite):
            self.values[to], self.expiries[to] = self.values[name], self.expiries[name]

    def _may_move(self, name: str, to: str, overwrite: str | None) -> bool:
        return name in self.values and name != to and (bool(overwrite) or to not in self.values)

    def delete(self, name: str) -> None:
        self.person.post(addresses.delete("valkey", f"p:1:{name}"), {"confirmed": "1"})
        self.values.pop(name, None)
        self.expiries.pop(name, None)

    def check(self) -> None:
        found = {name: self.cache.get(name) for name in "abc" if self.cache.has_key(name)}
        assert repr(found) == repr(dict(sorted(self.values.items())))
        assert {name: self.expiry(name) for name in found} == self.expiries


def run(person: Browser, cache: Any, raw: valkey.Valkey, steps: list[tuple[Any, ...]]) -> None:
    raw.flushdb()
    model = Model(person, cache, raw)
    for step, *given_ in steps:
        getattr(model, step)(*given_)
        model.check()


CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=8, deadline=None, suppress_health_check=CHECKS, phases=[Phase.generate])
@given(steps=st.lists(STEPS, min_size=4, max_size=8))
def test_a_few_changes_in_any_order(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, steps: list[tuple[Any, ...]]
) -> None:
    run(admin, server_cache, raw, steps)


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=CHECKS, phases=[Phase.generate])
@given(steps=st.lists(STEPS, min_size=10, max_size=30))
def test_many_changes_in_any_order(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, steps: list[tuple[Any, ...]]
) -> None:
    run(admin, server_cache, raw, steps)
