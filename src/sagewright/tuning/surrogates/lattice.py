"""A space as points with integer coordinates, for the numerics.

A row of levels is a point that can be tried. Its positions are those of its values on a scale of 1,023 steps from 0 to 1; the
position of a category is its index, unless the categories are numbers in ascending order. Points of other tuning jobs can be
outside the ranges; they have positions but no levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sagewright.tuning.space import Categorical, Integer, Parameter, Space

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
STEPS = 1023
_BEYOND = 256
"""Distance, in steps, outside its range up to which values are distinguished."""
FARTHEST = STEPS + 2 * _BEYOND
_APART = 4.0
_NEAR = 0.08
_NEARER = 0.01


class Lattice:
    def __init__(self, space: Space) -> None:
        self._space = space
        self._places = [_places(each) for each in space.parameters]
        self._edges = [_edges(each, places) for each, places in zip(space.parameters, self._places, strict=True)]
        self.categorical = np.array([_unordered(each) for each in space.parameters], dtype=bool)
        self.levels = np.array([len(places) for places in self._places])
        # The concatenated levels of all ranges, so that points are looked up at once.
        self._starts = np.concatenate([[0], np.cumsum(self.levels)[:-1]])
        self._all_places = np.concatenate(self._places)
        self._all_positions = np.concatenate(
            [
                np.arange(len(places)) if categorical else np.rint(places * STEPS).astype(np.int64)
                for places, categorical in zip(self._places, self.categorical, strict=True)
            ]
        )
        self._shifts = _APART * np.arange(len(self.levels))
        self._all_edges = np.concatenate([_shut(edges) + s for edges, s in zip(self._edges, self._shifts, strict=True)])

    @property
    def size(self) -> float:
        """The number of points."""
        return float(np.prod(self.levels.astype(float)))

    def values(self, levels: Ints) -> dict[str, str]:
        return self._space.values([float(self._places[d][level]) for d, level in enumerate(levels)])

    def row(self, values: Mapping[str, str]) -> tuple[Ints, Ints] | None:
        """The nearest levels, and the positions; None for values that don't belong to this space."""
        places = self._space.places(values)
        if places is None:
            return None
        levels = [int(self._nearest(d, np.array([place]))[0]) for d, place in enumerate(places)]
        positions = [
            level if self.categorical[d] else int(np.clip(round(place * STEPS), -_BEYOND, STEPS + _BEYOND))
            for d, (place, level) in enumerate(zip(places, levels, strict=True))
        ]
        return np.array(levels), np.array(positions)

    def positions(self, levels: Ints) -> Ints:
        return self._all_positions[levels + self._starts]

    def places(self, levels: Ints) -> Floats:
        return self._all_places[levels + self._starts]

    def level_places(self, d: int) -> Floats:
        """The places of one range's levels."""
        return self._places[d]

    def at(self, places: Floats) -> Ints:
        """The points nearest to these places, of shape (points, ranges)."""
        found = np.searchsorted(self._all_edges, _shut(places) + self._shifts, side="right") - self._starts
        return np.minimum(found, self.levels - 1)

    def uniform(self, rng: np.random.Generator, count: int) -> Ints:
        return self.at(rng.random((count, len(self.levels))))

    def all(self) -> Ints:
        """Every point; for small spaces."""
        grids = np.meshgrid(*(np.arange(count) for count in self.levels), indexing="ij")
        return np.stack([grid.ravel() for grid in grids], axis=1).astype(np.int64)

    def neighbours(self, rng: np.random.Generator, levels: Ints, each: int) -> Ints:
        """Points near these: one to three of their coordinates are moved or, occasionally or for categories, drawn anew."""
        moved: Ints = np.repeat(levels, each, axis=0)
        count, ranges = moved.shape
        dice = rng.random((count, ranges))
        least = np.minimum(rng.integers(1, 4, (count, 1)), ranges) - 1
        chosen = dice <= np.take_along_axis(np.sort(dice, axis=1), least, axis=1)
        reach = np.where(rng.random((count, 1)) < 0.7, _NEAR, _NEARER)
        steps, anew = rng.normal(0, 1, moved.shape) * reach, rng.random(moved.shape)
        redrawn = self.categorical | (rng.random(moved.shape) < 0.1)
        there = self.at(np.where(redrawn, anew, self.places(moved) + steps))
        there += np.where((there == moved) & ~redrawn, np.sign(steps).astype(np.int64), 0)
        return np.where(chosen, np.clip(there, 0, self.levels - 1), moved)

    def near(self, levels: Ints, point: Ints, reach: float) -> Bools:
        """Mask of the points that differ from `point` by at most `reach` in each range, and in no category."""
        apart = np.abs(self.places(levels) - self.places(point[None, :]))
        return np.where(self.categorical, apart == 0, apart <= reach).all(axis=1)

    def _nearest(self, d: int, places: Floats) -> Ints:
        return np.minimum(np.searchsorted(self._edges[d], places, side="right"), len(self._edges[d]) - 1)


def _shut(places: Floats) -> Floats:
    """Places outside of [0, 1] moved next to it."""
    return np.clip(places, -1.0, 2.0)


def keys(levels: Ints) -> list[bytes]:
    """Keys that identify points."""
    return [row.tobytes() for row in np.ascontiguousarray(levels, dtype=np.int64)]


def _unordered(parameter: Parameter) -> bool:
    """True for categories, unless they are numbers in ascending order: 16, 32, 64 are on a line."""
    if not isinstance(parameter, Categorical):
        return False
    try:
        numbers = [float(value) for value in parameter.values]
    except ValueError:
        return True
    steps = np.diff(numbers)
    return len(numbers) < 3 or not bool((steps > 0).all() or (steps < 0).all())


def _places(parameter: Parameter) -> Floats:
    if parameter.size is None:
        return np.linspace(0.0, 1.0, STEPS + 1)
    if isinstance(parameter, Integer):
        return np.array([parameter.place(str(number)) for number in _numbers(parameter)])
    count = parameter.size
    return (np.arange(count) + 0.5) / count


def _numbers(parameter: Integer) -> list[int]:
    """All integers of a range or, for a large range, those at a step."""
    if parameter.size <= STEPS + 1:
        return list(range(parameter.low, parameter.high + 1))
    return sorted({int(parameter.value(step / STEPS)) for step in range(STEPS + 1)})


def _edges(parameter: Parameter, places: Floats) -> Floats:
    """The upper boundary of the places nearest to each level."""
    if isinstance(parameter, Integer) and len(places) == parameter.size:
        return np.array([parameter.place(str(number + 0.5)) for number in range(parameter.low, parameter.high + 1)])
    between = (places[:-1] + places[1:]) / 2
    return np.append(between, np.inf)
