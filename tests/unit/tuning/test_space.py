from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.tuning.space import Categorical, Continuous, Integer, Scaling, Space, auto_scaling, decimal_text
from tuning.studies import MIXED

PLACES = st.floats(0, 1)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def continuous(draw: st.DrawFn) -> Continuous:
    scaling = draw(st.sampled_from(Scaling))
    numbers = {
        Scaling.LINEAR: NUMBERS,
        Scaling.LOGARITHMIC: st.floats(1e-300, 1e300),
        Scaling.REVERSE_LOGARITHMIC: st.floats(0, 1, exclude_max=True),
    }[scaling]
    low, high = sorted((draw(numbers), draw(numbers)))
    return Continuous("c", low, high, scaling)


@st.composite
def integers(draw: st.DrawFn) -> Integer:
    scaling = draw(st.sampled_from([Scaling.LINEAR, Scaling.LOGARITHMIC]))
    least = 1 if scaling is Scaling.LOGARITHMIC else -(2**62)
    low, high = sorted((draw(st.integers(least, 2**62)), draw(st.integers(least, 2**62))))
    return Integer("i", low, high, scaling)


@given(continuous(), PLACES)
def test_a_continuous_value_is_a_decimal_inside_its_range(parameter: Continuous, place: float) -> None:
    assert parameter.low <= float(parameter.value(place)) <= parameter.high


@given(integers(), PLACES)
def test_an_integer_value_is_an_integer_inside_its_range(parameter: Integer, place: float) -> None:
    assert parameter.low <= int(parameter.value(place)) <= parameter.high


@given(
    st.integers(-1000, 1000), st.integers(0, 2000), st.sampled_from([Scaling.LINEAR, Scaling.LOGARITHMIC]), st.data()
)
def test_each_integer_has_a_place(low: int, more: int, scaling: Scaling, data: st.DataObject) -> None:
    low = abs(low) + 1 if scaling is Scaling.LOGARITHMIC else low
    parameter = Integer("i", low, low + more, scaling)
    number = str(data.draw(st.integers(low, low + more)))
    assert parameter.value(parameter.place(number)) == number


@given(PLACES)
def test_places_and_values_are_each_others_inverse(place: float) -> None:
    rate = MIXED.parameters[0]
    assert rate.place(rate.value(place)) == pytest.approx(place, abs=1e-9)


def test_equal_steps_on_a_logarithmic_scale_are_equal_factors() -> None:
    rate = Continuous("rate", 1e-4, 1.0, Scaling.LOGARITHMIC)
    assert [float(rate.value(place)) for place in (0.25, 0.5, 0.75)] == pytest.approx([1e-3, 1e-2, 1e-1])
    share = Continuous("share", 0.0, 0.999, Scaling.REVERSE_LOGARITHMIC)
    assert float(share.value(1 / 3)) == pytest.approx(0.9)


def test_integers_are_equally_likely_at_both_ends() -> None:
    layers = Integer("layers", 1, 4)
    drawn = [layers.value((place + 0.5) / 400) for place in range(400)]
    assert [drawn.count(str(number)) for number in range(1, 5)] == [100] * 4


@pytest.mark.parametrize("place", [-0.1, 1.0, 1.1, math.inf, -math.inf])
def test_places_beyond_the_ends_are_the_ends(place: float) -> None:
    assert Categorical("k", ("a", "b")).value(min(max(place, -9), 9)) in "ab"
    assert Integer("i", 3, 4).value(place) in "34"


@pytest.mark.parametrize(
    "values", [{"rate": "nan"}, {"rate": "inf"}, {"rate": "-1"}, {"rate": "0"}, {"kind": "d"}, {"layers": "x"}]
)
def test_values_of_another_kind_have_no_place(values: dict[str, str]) -> None:
    right = {"rate": "0.1", "share": "0.5", "layers": "3", "units": "16", "kind": "a"}
    assert MIXED.places(right) is not None
    assert MIXED.places(right | values) is None
    assert MIXED.places({name: value for name, value in right.items() if name not in values}) is None


@pytest.mark.parametrize(
    ("low", "high", "scaling"),
    [
        (1e-5, 0.1, Scaling.LOGARITHMIC),
        (0.0, 1.0, Scaling.LINEAR),
        (-1.0, 1000.0, Scaling.LINEAR),
        (32, 64, Scaling.LINEAR),
        (0.5, 0.9999, Scaling.REVERSE_LOGARITHMIC),
        (0.5, 0.5, Scaling.LINEAR),
    ],
)
def test_a_scaling_that_is_left_to_us(low: float, high: float, scaling: Scaling) -> None:
    assert auto_scaling(low, high) is scaling


def test_the_size_of_a_space() -> None:
    assert MIXED.size() is None
    assert Space(MIXED.parameters[2:]).size() == 12 * 4089 * 3
    assert Space((Continuous("c", 1.0, 1.0),)).size() == 1


def test_small_numbers_are_written_out() -> None:
    assert decimal_text(1.5e-7) == "0.00000015"
    assert decimal_text(1e-300) == "1e-300"


def test_a_space_survives_json() -> None:
    assert Space.read(MIXED.document()) == MIXED
