"""DeepAR's parts against oracles: SciPy's densities, windows cut by hand, calendars, files of every form."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from scipy import stats

from sagewright.algorithms.deepar.beside import linear
from sagewright.algorithms.deepar.data import dataset, reading
from sagewright.algorithms.deepar.data.dataset import Draws
from sagewright.algorithms.deepar.data.frequency import Frequency
from sagewright.algorithms.deepar.data.panel import Layout, Panel
from sagewright.algorithms.deepar.data.scaling import Levels, Scaling
from sagewright.algorithms.deepar.data.series import Series
from sagewright.algorithms.deepar.forecasts import Paths
from sagewright.algorithms.deepar.likelihoods import DEGREES, LEAST, LIKELIHOODS
from sagewright.algorithms.deepar.scores import Scores
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.algorithms.job import Job
from sagewright.algorithms.schema.channels import ChannelInput

START = datetime(2024, 1, 1)


def softplus(value: float) -> float:
    return float(np.logaddexp(0, value))


SAID = (0.3, -0.4, 0.8)
DEVIATION = softplus(SAID[1] - 1) + LEAST
MEAN, SHAPE, FACTOR = (softplus(SAID[0]) + 1e-6) * 7.0, (softplus(SAID[1]) + 1e-6) / np.sqrt(7.0), 7.0
CERTAINTY = softplus(SAID[1] + 2) + 0.1
SHARE = 1 / (1 + np.exp(-SAID[0]))
ORACLES: dict[str, Any] = {
    "gaussian": stats.norm(SAID[0], DEVIATION),
    "student-T": stats.t(DEGREES + softplus(SAID[2] + 1), SAID[0], DEVIATION),
    "negative-binomial": stats.nbinom(1 / SHAPE, 1 / (1 + SHAPE * MEAN)),
    "beta": stats.beta(SHARE * CERTAINTY + 1e-3, (1 - SHARE) * CERTAINTY + 1e-3),
}


@pytest.mark.parametrize("name", ORACLES)
def test_losses_are_the_densities_of_scipy(name: str) -> None:
    counts = name == "negative-binomial"
    values = np.arange(9.0) if counts else np.linspace(0.05, 0.95, 9)
    likelihood = LIKELIHOODS[name]
    said = torch.tensor(SAID[: likelihood.width], dtype=torch.float64).expand(9, -1)
    factor = torch.full((9,), FACTOR, dtype=torch.float64)
    described = torch.from_numpy(values / FACTOR if counts else values)
    expected = ORACLES[name].logpmf(values) if counts else ORACLES[name].logpdf(values)
    np.testing.assert_allclose(likelihood.loss(said, described, factor).numpy(), -expected, rtol=1e-6)


@pytest.mark.parametrize("name", ORACLES)
def test_what_is_drawn_has_the_quantiles_of_scipy(name: str) -> None:
    likelihood, count = LIKELIHOODS[name], 100_000
    said = torch.tensor(SAID[: likelihood.width]).expand(count, -1)
    drawn = likelihood.draw(said, np.full(count, FACTOR), np.random.default_rng(0))
    values = np.round(drawn * FACTOR) if name == "negative-binomial" else drawn
    for level in (0.2, 0.5, 0.8):
        assert abs(np.mean(values <= ORACLES[name].ppf(level)) - ORACLES[name].cdf(ORACLES[name].ppf(level))) < 0.01


def test_the_absolute_loss_draws_what_it_says() -> None:
    likelihood = LIKELIHOODS["deterministic-L1"]
    said = torch.tensor([[1.5], [-2.0]])
    assert likelihood.draw(said, np.ones(2), np.random.default_rng(0)).tolist() == [1.5, -2.0]
    assert likelihood.loss(said, torch.zeros(2), torch.ones(2)).tolist() == [1.5, 2.0]


@pytest.mark.parametrize(
    ("text", "seasons", "width"),
    [("M", (12,), 2), ("3M", (4,), 2), ("W", (52,), 4), ("D", (7, 365), 6), ("H", (24, 168), 8), ("1H", (24, 168), 8),
     ("5min", (12, 288, 2016), 10), ("min", (60, 1440, 10080), 10), ("12M", (), 2)],
)  # fmt: skip
def test_frequencies(text: str, seasons: tuple[int, ...], width: int) -> None:
    frequency = Frequency.parse(text)
    assert frequency.seasons == seasons
    assert frequency.width == width
    ticks = frequency.ticks(np.array([[frequency.tick(START)]]), np.arange(5)[None])
    assert frequency.calendar(ticks).shape == (1, 5, width)
    assert all(lag in frequency.lags(10**6) for season in seasons for lag in (season, 2 * season, 3 * season + 1))
    assert max(frequency.lags(9)) <= 9


@pytest.mark.parametrize(
    ("text", "season"),
    [("M", 12), ("D", 7), ("H", 24), ("30min", 48), ("5min", 288), ("min", 60), ("7min", 9), ("12M", 1)],
)
def test_levels_are_taken_by_a_season(text: str, season: int) -> None:
    assert Frequency.parse(text).season == season


@pytest.mark.parametrize("text", ["", "Q", "0M", "-1D", "1.5H", "Min", "5 min", "99999D"])
def test_texts_that_are_no_frequency(text: str) -> None:
    with pytest.raises(ValueError, match="not a frequency"):
        Frequency.parse(text)


def test_calendars_are_those_of_the_dates() -> None:
    """Against Python's own calendar: what falls together there has the same numbers here, and nothing else."""
    frequency = Frequency.parse("H")
    ticks = frequency.ticks(np.int64(frequency.tick(datetime(1969, 12, 28, 5, 30))), np.arange(0, 3000, 7))
    found = frequency.calendar(ticks)
    dates = [datetime.fromisoformat(str(np.datetime64(int(tick), "m"))) for tick in ticks]
    assert dates[0] == datetime(1969, 12, 28, 5)
    for column, of_date in enumerate((lambda each: each.hour, lambda each: each.weekday(), lambda each: each.day)):
        own: dict[Any, Any] = {}
        for date, row in zip(dates, found[:, [column, column + 4]].tolist(), strict=True):
            assert own.setdefault(of_date(date), row) == row
        assert len({tuple(row) for row in own.values()}) == len(own)
    month = Frequency.parse("M")
    assert month.tick(datetime(2024, 3, 31)) == 54 * 12 + 2
    np.testing.assert_allclose(
        month.calendar(np.array([2, 14, 5]))[:, 0], np.sin(2 * np.pi * np.array([2, 2, 5]) / 12), atol=1e-6
    )


def panel(*targets: list[float], lags: tuple[int, ...] = (2, 7)) -> Panel:
    layout = Layout(Frequency.parse("D"), 3, 2, lags)
    return Panel([Series(START, np.array(target, np.float32)) for target in targets], layout)


def test_waves_of_which_series_show_too_little_are_not_used() -> None:
    days, day = Frequency.parse("D"), 24 * 60
    assert days.unseen(40 * day) == ("day_of_month", "day_of_year")
    assert days.unseen(400 * day) == ("day_of_year",)
    assert days.unseen(600 * day) == ()
    assert Frequency.parse("M").unseen(12) == ("month_of_year",)
    ticks = days.ticks(days.tick(datetime(2024, 1, 3)), np.arange(5))
    every, some = days.calendar(ticks), days.calendar(ticks, ("day_of_year",))
    assert (some[:, [2, 5]] == 0).all()
    assert (every[:, [2, 5]] != 0).all()
    assert (some[:, [0, 1, 3, 4]] == every[:, [0, 1, 3, 4]]).all()


def test_windows_are_cut_as_by_hand() -> None:
    found = panel([1, 2, 3, 4, 5, 6, 7, 8, 9], [10, 20, 30]).windows(np.array([0, 1]), np.array([5, 1]))
    nan = np.nan
    np.testing.assert_array_equal(found.values, [[3, 4, 5, 6, 7], [nan, nan, 10, 20, 30]])
    np.testing.assert_array_equal(found.lagged[..., 0], [[2, 3, 4, 5, 6], [nan, nan, nan, 10, 20]])
    np.testing.assert_array_equal(found.lagged[..., 1], [[1, 2, 3, 4, 5], [nan, nan, nan, nan, 10]])
    np.testing.assert_array_equal(found.lagged[..., 2], [[nan] * 5, [nan] * 5])
    np.testing.assert_array_equal(found.history[0], [nan] * 9 + [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(found.history[1], [nan] * 13 + [10])


def test_a_series_without_values_has_windows() -> None:
    found = panel([1, 2, 3], []).windows(np.array([1]), np.array([0]))
    assert np.isnan(found.values).all()
    assert np.isnan(found.history).all()


def test_forecasts_begin_within_the_series() -> None:
    layout = replace(panel([1.0]).layout, horizon=20, context=10)
    lengths = [20, 21, 27, 60]
    rows = np.repeat(np.arange(4), 500)
    made = Panel([Series(START, np.ones(length, np.float32)) for length in lengths], layout)
    found = dataset.cuts(made, rows, np.random.default_rng(0)).reshape(4, 500)
    assert [(int(each.min()), int(each.max())) for each in found] == [(7, 19), (7, 20), (7, 26), (7, 59)]


def test_an_epoch_has_ten_mini_batches_at_least() -> None:
    """The figures of AWS's log with 156 series."""
    draws = Draws.of(156, 128)
    assert draws == Draws(9, 0.9116809116809116)
    made = panel(*([[1.0] * 9] * 156))
    batches = list(draws.batches(made, 128, np.random.default_rng(0)))
    assert abs(sum(len(rows) for rows, _ in batches) - 1280) < 60
    assert Draws.of(1280, 128) == Draws(1, 1.0)
    assert Draws.of(1280, 128).steps(1280, 128) == 10


@pytest.mark.parametrize("kind", ["steps", "counts", "shares"])
def test_scaling_and_back(kind: Any) -> None:
    scaling = Scaling(kind, 7, (5.0, 2.0))
    history = np.random.default_rng(0).uniform(0.1, 0.9, (4, 14)).astype(np.float32)
    if kind == "counts":
        history = np.round(10 * history)
    history[1, ::2] = np.nan
    history[2] = np.nan
    history[3] = 0
    levels = scaling.levels(history)
    assert np.isfinite(levels.shift).all()
    assert (levels.factor > 0).all()
    described = scaling.relative(history, levels)
    np.testing.assert_allclose(scaling.own(described.astype(np.float64), levels), history, rtol=1e-5, atol=1e-6)
    if kind == "steps":
        assert levels.shift[2] == 5.0
        assert levels.factor[2] == 2.0
        np.testing.assert_allclose(levels.shift[0], history[0, -7:].mean(), rtol=1e-6)
        np.testing.assert_allclose(levels.factor[0], np.abs(np.diff(history[0])).mean(), rtol=1e-5)


def test_a_series_tells_the_same_however_large_it_is_and_wherever_it_begins() -> None:
    scaling = Scaling("steps", 7)
    row = np.random.default_rng(0).normal(size=(1, 14)).cumsum(axis=1)
    rows = np.concatenate([row, 1000 * row, row + 50]).astype(np.float32)
    described = scaling.relative(rows, scaling.levels(rows))
    np.testing.assert_allclose(described[1], described[0], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(described[2], described[0], rtol=1e-2, atol=1e-2)


def test_nothing_below_the_floor_is_forecast() -> None:
    scaling = Scaling("steps", 7, floor=0.0)
    assert scaling.own(np.array([[-5.0, 5.0]]), Levels(np.ones(1), np.ones(1), np.zeros(1))).tolist() == [[0.0, 6.0]]


def test_scores_are_those_of_the_definition() -> None:
    random = np.random.default_rng(0)
    values, samples = random.normal(5, 1, (3, 4)), random.normal(5, 1, (3, 50, 4))
    values[1, 2] = np.nan
    scores = Scores([0.1, 0.5])
    scores.add(values[:1], Paths(samples[:1]))
    scores.add(values[1:], Paths(samples[1:]))
    said = scores.values()
    gaps = (values - samples.mean(axis=1))[~np.isnan(values)]
    assert said["RMSE"] == pytest.approx(np.sqrt(np.mean(gaps**2)))
    total = 0.0
    for level in (0.1, 0.5):
        loss = 0.0
        for place in zip(*np.nonzero(~np.isnan(values)), strict=True):
            gap = values[place] - np.quantile(samples[place[0], :, place[1]], level, method="weibull")
            loss += 2 * (level * gap if gap > 0 else (level - 1) * gap)
        weighted = loss / np.nansum(np.abs(values))
        assert said[f"wQuantileLoss[{level:g}]"] == pytest.approx(weighted)
        total += weighted
    assert said["mean_wQuantileLoss"] == pytest.approx(total / 2)
    merged = Scores([0.1, 0.5]).values(scores.sums())
    assert merged == said


def reader(root: Path, media: str = "application/jsonlines") -> Job:
    channel = ChannelInput("train", ContentType.parse(media), "File", "FullyReplicated")
    return Job(root, "", {}, {}, "algo-1", ("algo-1",), None, {"train": channel})


def put(root: Path, name: str, content: bytes) -> None:
    path = root / "input" / "data" / "train" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


RECORDS = [
    {"start": "2024-01-01 00:00:00", "target": [1.0, None, 3.0], "cat": [0, 2], "dynamic_feat": [[1.0, 2.0, 3.0]]},
    {"start": "2024-01-02", "target": [4, 5], "cat": [1, 0], "dynamic_feat": [[0.5, 0.25]]},
]
JSON = "\n".join(map(json.dumps, RECORDS)).encode()


def parquet(**columns: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def table(start: Any = None) -> bytes:
    return parquet(
        start=[each["start"] for each in RECORDS] if start is None else start,
        target=[each["target"] for each in RECORDS],
        cat=[each["cat"] for each in RECORDS],
        dynamic_feat=[each["dynamic_feat"] for each in RECORDS],
        other=["x", "y"],
    )


TIMES = pa.array([datetime(2024, 1, 1), datetime(2024, 1, 2)], pa.timestamp("ns"))


@pytest.mark.parametrize(
    ("name", "content", "media"),
    [
        ("a.json", JSON, "application/jsonlines"),
        ("a.json.gz", gzip.compress(JSON), "application/jsonlines"),
        ("a.json", gzip.compress(JSON), "parquet"),
        ("b", JSON, "json"),
        ("a.parquet", table(), "application/jsonlines"),
        ("a.parquet", table(TIMES), "application/jsonlines"),
        ("b", table(), "parquet"),
        ("deep/er/a.json", JSON, "application/jsonlines"),
    ],
)
def test_every_form_reads_the_same(tmp_path: Path, name: str, content: bytes, media: str) -> None:
    put(tmp_path, name, content)
    put(tmp_path, "_SUCCESS", b"x")
    put(tmp_path, ".hidden.json", b"x")
    first, second = reading.read(reader(tmp_path, media), "train")
    assert first.start == datetime(2024, 1, 1)
    np.testing.assert_array_equal(first.target, [1, np.nan, 3])
    assert (first.cat, second.cat) == ((0, 2), (1, 0))
    assert second.dynamic_feat is not None
    np.testing.assert_array_equal(second.dynamic_feat, [[0.5, 0.25]])


AWARE = pa.array([datetime(2024, 1, 1)], pa.timestamp("ms", tz="UTC"))


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.json", JSON + b"\n{", "a.json: line 3 is not JSON"),
        ("a.json", JSON + b"\n\n[1]", "a.json: line 4 can't be used: it is not a JSON object"),
        ("a.json", b"[" * 200_000, "a.json: line 1 is not JSON"),
        ("a.json.gz", gzip.compress(JSON)[:-9], "a.json.gz is not a complete gzip file"),
        ("a.json", b"\xff\xfe", "a.json: line 1 is not JSON"),
        ("a.parquet", b"PAR1nothing of it PAR1", "a.parquet is not a Parquet file of series"),
        ("a.parquet", parquet(start=["2024-01-01"]), "a.parquet: row 1 can't be used: it lacks the field 'target'"),
        ("a.parquet", parquet(start=["2024-01-01"], target=["x"]), "its target is not a list of numbers: 'x'"),
        ("a.parquet", parquet(start=AWARE, target=[[1.0]]), "has a time zone, which is not supported"),
        ("a.parquet", parquet(start=["2024-01-01"], target=[[np.inf]]), "its target has a number beyond 1e+30"),
        ("a.json", b"\n\n", "No data in channel train"),
    ],
)
def test_files_that_can_not_be_read(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    put(tmp_path, name, content)
    with pytest.raises(UserError) as caught:
        reading.read(reader(tmp_path), "train")
    assert text in str(caught.value)


def test_lines_and_channels_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.json", JSON)
    monkeypatch.setattr(reading, "LONGEST_LINE", 20)
    with pytest.raises(UserError, match="line 1 has more than 20 bytes"):
        reading.read(reader(tmp_path), "train")
    monkeypatch.undo()
    monkeypatch.setattr(reading.memory, "for_rows", lambda: 300)
    with pytest.raises(UserError, match="more than 300 bytes of series"):
        reading.read(reader(tmp_path), "train")
    put(tmp_path, "a.json", b"")
    put(tmp_path, "a.parquet", table())
    monkeypatch.undo()
    monkeypatch.setattr(reading, "LARGEST_GROUP", 10)
    with pytest.raises(UserError, match="group of rows 0 takes"):
        reading.read(reader(tmp_path), "train")


def test_cardinality_and_features() -> None:
    found = [Series(START, np.ones(3, np.float32), (0, 2), np.ones((1, 3), np.float32))]
    assert dataset.fields(found, "auto", "auto", int) == dataset.Fields((1, 3), 1)
    assert dataset.fields(found, [4, 5], 1, int) == dataset.Fields((4, 5), 1)
    for said in ("ignore", ""):
        assert dataset.fields(found, said, said, int) == dataset.Fields((), 0, frozenset({"cat", "dynamic_feat"}))


OF_TWO = Scaling("steps", 7, (30.0, 2.0), by_cat=(((-20.0, 0.0), (20.0, 0.0)),), apart=2.0)
"""Two categories, at 10 and at 50, with steps of 2."""


def begun(*values: float) -> np.ndarray:
    return np.array([[np.nan] * (14 - len(values)) + list(values)], np.float32)


def test_a_series_with_few_values_is_drawn_towards_its_category() -> None:
    cat = np.array([[1]])
    shifts = [
        float(OF_TWO.levels(begun(*[40.0] * count), cat).shift[0]) for count in (0, 1, 3, 6, 7)
    ]  # the doubt is that of two values
    assert shifts == pytest.approx([50, 50 - 10 / 3, 50 - 10 * 3 / 5, 50 - 10 * 6 / 8, 40])
    assert OF_TWO.levels(begun(40.0), cat).factor[0] == pytest.approx(2)
    assert OF_TWO.levels(begun(40.0, 48.0), cat).factor[0] == pytest.approx(4)  # between 2 and 8
    assert OF_TWO.levels(begun(1e6, 2e6), cat).factor[0] > 3e5  # of another size
    assert OF_TWO.levels(begun(40.0, 48.0)).factor[0] == pytest.approx(8)
    assert (
        OF_TWO.levels(begun(40.0), cat).shift[0] != Scaling("steps", 7, (30.0, 2.0)).levels(begun(40.0), cat).shift[0]
    )


def test_phases_are_those_of_the_dates() -> None:
    for text, columns in (("H", [9, 24 + 3]), ("D", [3]), ("M", [1]), ("W", []), ("30min", [9, 24 + 3])):
        frequency = Frequency.parse(text)
        found = frequency.phases(np.array([frequency.tick(datetime(2024, 2, 29, 9, 30))]))  # a Thursday
        assert found.shape == (1, frequency.phases_width)
        assert np.flatnonzero(found[0]).tolist() == columns


def test_a_spike_does_not_make_the_level() -> None:
    random = np.random.default_rng(8)
    plain = np.stack([10 + np.cumsum(random.normal(size=60)) / 4, np.repeat([0.0, 5.0, 0.0], [28, 4, 28])]).astype(
        np.float32
    )
    spiked = plain.copy()
    spiked[0, -3] *= 50
    limited, mean = Scaling("steps", 7, limited=True), Scaling("steps", 7)
    usual, found, before = mean.levels(plain), limited.levels(spiked), mean.levels(spiked)
    assert abs(found.shift[0] - usual.shift[0]) < 4 * usual.factor[0]
    assert found.factor[0] < 2 * usual.factor[0]
    assert before.factor[0] > 20 * usual.factor[0]
    assert (found.shift[1], found.factor[1]) == (usual.shift[1], usual.factor[1])  # mostly the same value: none is far


@pytest.mark.parametrize("frequency", ["5min", "H", "D", "M"])
def test_past_values_and_inputs_of_windows_that_are_made_at_once_are_limited(frequency: str) -> None:
    layout = Layout(Frequency.parse(frequency), 12, 12, (2, 3))
    windows = linear._together(layout)
    assert windows * linear.LONGER_BACK * (layout.frequency.longer_season or 0) <= linear.TOGETHER
    assert windows * layout.steps * linear.width(layout) <= linear.TOGETHER
    assert len(linear.groups(layout)) == linear.width(layout)


def test_the_week_of_hours_is_found_beside_the_day() -> None:
    layout = Layout(Frequency.parse("H"), 24, 48, (2, 24))
    hours = np.arange(24 * 7 * 6)
    day, week = np.where(hours % 24 < 8, -2.0, 1.0), np.where(hours // 24 % 7 < 5, 2.0, -5.0)
    own = Panel([Series(START, (10 + day + week).astype(np.float32))], layout)
    cut = np.array([24 * 7 * 5 + 24 * 4])  # a Friday, and the Saturday after it
    season = linear._long(own, np.array([0]), cut, 168, linear.LONGER_BACK * 168)[1][0]
    assert season[24:].mean() < season[:24].mean() - 4
    assert season[8:24].mean() > season[:8].mean() + 1.5
