from __future__ import annotations

from sagewright.studio.charts.rails import rail, rail_steps


def test_a_joined_branch_has_a_lane_until_it_joins() -> None:
    steps = rail_steps([[], [0], [], [1, 2], [3]])
    assert [one.lane for one in steps] == [0, 0, 1, 0, 0]
    assert steps[3].joins == (1,)
    assert steps[3].below == (0,) and steps[4].below == ()


def test_two_outputs_of_a_step_part() -> None:
    steps = rail_steps([[], [0], [1], [1]])
    assert [one.lane for one in steps] == [0, 0, 1, 0]
    assert "<circle" in rail(steps[2])
