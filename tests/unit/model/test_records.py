"""`model.records.dataclass` against `dataclasses.dataclass`: the same declarations, made by both, behave alike."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import InitVar, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.model.records import dataclass

Decorator = Callable[..., Any]


def _points(made: Decorator) -> SimpleNamespace:
    @made(frozen=True)
    class Point:
        x: int
        y: int = 2
        tags: list[str] = field(default_factory=list)
        hidden: int = field(default=0, repr=False, compare=False)
        kind: ClassVar[str] = "point"

        @cached_property
        def far(self) -> int:
            return self.x + self.y

    @made
    class Changing:
        self: int
        total: int = field(init=False)
        fixed: int = field(init=False, default=7)
        made: list[int] = field(init=False, default_factory=list)

        def __post_init__(self) -> None:
            self.total = 2 * self.self

    @made(frozen=True, kw_only=True)
    class Named:
        a: str
        b: int = field(default=3, kw_only=False)

    @made(frozen=True)
    class Wide(Point):
        z: int = 5

    @made
    class Given:
        x: int
        extra: InitVar[int] = 1

        def __post_init__(self, extra: int) -> None:
            self.x += extra

    @made(frozen=True)
    class Own:
        x: int

        def __eq__(self, other: object) -> bool:
            return True

        def __repr__(self) -> str:
            return "own"

        __hash__ = None  # type: ignore[assignment]

    @made(eq=False)
    class Same:
        x: int

    empty = made(frozen=True)(type("Empty", (), {}))
    return SimpleNamespace(
        **{one.__name__: one for one in (Point, Changing, Named, Wide, Given, Own, Same)}, Empty=empty
    )


OURS, THEIRS = _points(dataclass), _points(dataclasses.dataclass)
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Point", (1,), {}), ("Point", (1, 3, ["a"]), {"hidden": 4}), ("Point", (), {}), ("Point", (1, 2, [], 4, 5), {}),
    ("Point", (1,), {"x": 2}), ("Point", (1,), {"w": 2}), ("Changing", (4,), {}), ("Changing", (), {"self": 4}),
    ("Changing", (4, 5), {}), ("Named", (), {"a": "x"}), ("Named", (9,), {"a": "x"}), ("Named", ("x",), {}), ("Empty", (), {}),
    ("Empty", (1,), {}), ("Wide", (1,), {"z": 2}), ("Given", (1,), {}), ("Given", (1, 5), {}), ("Own", (1,), {}),
    ("Same", (1,), {}),
]  # fmt: skip


def _tried(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Exception as error:
        return type(error), str(error).replace("Point.__init__", "__init__").rpartition("__init__")[2]


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
def test_constructors(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    for _ in range(2):  # the first call compiles
        ours = _tried(lambda: repr(getattr(OURS, name)(*args, **kwargs)))
        theirs = _tried(lambda: repr(getattr(THEIRS, name)(*args, **kwargs)))
        if name == "Same":
            ours, theirs = str(ours).partition(".")[2], str(theirs).partition(".")[2]
        assert ours == theirs


def _probe(cls: Any) -> list[Any]:
    one, other, third = cls(1, tags=["a"]), cls(1, tags=["a"], hidden=9), cls(2)
    return [
        one == other, one == third, one == 1, one != other, one.far, one.far, dataclasses.asdict(one), dataclasses.astuple(third),
        repr(dataclasses.replace(one, y=8)), [f.name for f in dataclasses.fields(cls)], cls.__match_args__,
        dataclasses.is_dataclass(cls), one.tags is not third.tags, repr(copy.deepcopy(one)), cls.kind,
        _tried(lambda: setattr(one, "x", 3)), _tried(lambda: setattr(one, "new", 3)), _tried(lambda: delattr(one, "x")),
        _tried(lambda: hash(one)), {name for name in vars(cls) if name.startswith("__")} >= {"__init__", "__eq__", "__hash__"},
        cls.__dataclass_params__.frozen, cls.__dataclass_params__.eq,
    ]  # fmt: skip


def test_a_frozen_class() -> None:
    assert _probe(OURS.Point) == _probe(THEIRS.Point)
    assert _probe(OURS.Wide) == _probe(THEIRS.Wide)


@pytest.mark.parametrize("name", ["Changing", "Same", "Named", "Empty", "Own"])
def test_whether_it_is_hashed(name: str) -> None:
    kwargs = {"a": "x"} if name == "Named" else {}
    args = () if name in {"Named", "Empty"} else (1,)
    ours, theirs = getattr(OURS, name)(*args, **kwargs), getattr(THEIRS, name)(*args, **kwargs)
    ours_hash, theirs_hash = _tried(lambda: hash(ours)), _tried(lambda: hash(theirs))
    assert ours_hash == theirs_hash or name == "Same"
    assert (ours == getattr(OURS, name)(*args, **kwargs)) == (theirs == getattr(THEIRS, name)(*args, **kwargs))


@given(st.integers(), st.integers(), st.integers(), st.integers())
def test_equal_values_are_equal_and_have_one_hash(a: int, b: int, c: int, d: int) -> None:
    ours = [OURS.Named(a=str(x), b=y) for x, y in ((a, b), (c, d))]
    theirs = [THEIRS.Named(a=str(x), b=y) for x, y in ((a, b), (c, d))]
    assert (ours[0] == ours[1]) == (theirs[0] == theirs[1])
    assert [hash(one) for one in ours] == [hash(one) for one in theirs]


@dataclass(frozen=True)
class Kept:
    """At the module's level, so that it can be pickled."""

    name: str
    inner: Kept | None = None


def test_instances_survive_pickling_and_may_contain_themselves() -> None:
    kept = Kept("a", Kept("b"))
    assert pickle.loads(pickle.dumps(kept)) == kept
    object.__setattr__(kept, "inner", kept)
    assert repr(kept) == "Kept(name='a', inner=...)"


def test_a_mutable_default_is_refused() -> None:
    with pytest.raises(ValueError, match="mutable default"):

        @dataclass
        class _Wrong:
            x: list[int] = []  # noqa: RUF012


def test_a_dataclass_of_the_standard_library_may_inherit_from_it_and_the_reverse() -> None:
    @dataclasses.dataclass(frozen=True)
    class Below(OURS.Point):  # type: ignore[misc, name-defined]
        z: int = 1

    @dataclass(frozen=True)
    class Lower(Below):
        w: int = 2

    assert repr(Lower(1, w=4)).endswith("Lower(x=1, y=2, tags=[], z=1, w=4)")
    assert Lower(1) == Lower(1)
