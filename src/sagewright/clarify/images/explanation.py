"""Pictures → heat maps, and the values of their segments."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagewright.clarify.configuration.methods import ImageSettings, ShapSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.images import heatmaps
from sagewright.clarify.images.boxes import Detected, detected, score_of, surroundings
from sagewright.clarify.images.files import Pixels, check_picture, name_part, read_picture, stems
from sagewright.clarify.images.models import Classifier, Detector
from sagewright.clarify.images.segments import Region, SegmentedPicture, background, segment, whole
from sagewright.clarify.shap.coalitions import Masks, default_budget
from sagewright.clarify.shap.game import GameValues, shapley_of_game
from sagewright.clarify.shap.link import identity, log_odds
from sagewright.clarify.shap.output import FOLDER
from sagewright.clarify.shap.synthetic import checked
from sagewright.clarify.tables import Array, Section

TOP_LABELS = 3
"""Labels of a picture, by score, that get a heat map."""
CLASSIFICATION, DETECTION = "IMAGE_CLASSIFICATION", "OBJECT_DETECTION"


@dataclass(frozen=True)
class PictureResult:
    """`path`: the heat map; `record`: the values of its segments."""

    path: Path
    caption: str
    record: Section


@dataclass
class PictureExplainer:
    """Explains pictures below `folder` and writes the results into `output`. `baseline`: a mask, BLURRED, or None for noise.

    `labels`: names of outputs or classes. `share`: positions of this host's pictures among the total number.
    """

    settings: ShapSettings
    labels: Sequence[str]
    folder: Path
    output: Path
    baseline: Pixels | str | None = None
    share: Callable[[int], range] = range
    calls: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.settings.image is None:
            raise CustomerError("image_config is needed to explain pictures")
        if not self.labels:
            raise CustomerError("label_headers of the predictor is needed to explain pictures")
        if self.image.feature_extraction_method != "segmentation":
            raise CustomerError(
                f"image_config.feature_extraction_method must be segmentation, not {self.image.feature_extraction_method[:100]!r}"
            )

    @property
    def image(self) -> ImageSettings:
        assert self.settings.image is not None
        return self.settings.image

    def classified(self, paths: Sequence[Path], model: Classifier) -> Iterator[PictureResult]:
        """Heat maps of the labels with the highest scores of each picture, `shap_<stem>_<label>.jpeg`. Raises ClarifyError."""
        for stem, picture in self._pictures(paths):
            region, numbers = self._segments(picture, whole(picture))
            game = SegmentedPicture(picture, self._background(picture), region, numbers)
            found = self._values(game, lambda pictures: checked(model(pictures), len(pictures)))
            if len(self.labels) != len(found.total):
                raise CustomerError(
                    f"label_headers has {len(self.labels)} entries, and the model answers {len(found.total)} scores a record."
                )
            for place in self._chosen(found.total):
                label = str(self.labels[place])
                title = f"{label}: {found.total[place]:.3f}, without the picture {found.empty[place]:.3f}"
                path = self.output / f"shap_{stem}_{name_part(label)}.jpeg"
                drawn = heatmaps.draw_heat_map(picture, region, numbers, found.values[:, place], title)
                record = {"image": stem, "label": label, **_record(found, place)}
                yield PictureResult(heatmaps.save(drawn, path), f"{stem}: {label}", record)

    def _chosen(self, totals: Array) -> list[int]:
        wanted = (self.image.debug or {}).get("class_ids")
        places = np.argsort(-totals, kind="stable").tolist()
        if wanted:
            return [place for place in places if place in wanted]
        return places[:TOP_LABELS]

    def detected(self, paths: Sequence[Path], model: Detector) -> Iterator[PictureResult]:
        """Heat maps of detected objects, `shap_<stem>_box<k>_object.jpeg`, and `<stem>_objects.jpeg`. Raises ClarifyError."""
        if not 0 <= self.image.iou_threshold <= 1:
            raise CustomerError(f"image_config.iou_threshold must be from 0 to 1, but it is {self.image.iou_threshold}")
        for stem, picture in self._pictures(paths):
            class_ids = tuple((self.image.debug or {}).get("class_ids") or ())
            objects = detected(model([picture])[0], self.image.max_objects, class_ids)
            named = [(one, self._class_name(one)) for one in objects]
            heatmaps.save(heatmaps.draw_objects(picture, named), self.output / f"{stem}_objects.jpeg")
            if not objects:
                logging.info("No object was detected in %s.", stem)
            for place, ((region, numbers), found, column) in enumerate(self._explained(picture, objects, model), 1):
                one, name = named[place - 1]
                title = f"{name}: {found.total[column]:.3f}, without the picture {found.empty[column]:.3f}"
                path = self.output / f"shap_{stem}_box{place}_object.jpeg"
                drawn = heatmaps.draw_heat_map(picture, region, numbers, found.values[:, column], title, one)
                record = {"image": stem, "label": name, "box": list(one.box), **_record(found, column)}
                yield PictureResult(heatmaps.save(drawn, path), f"{stem}: {name}, object {place}", record)

    def _explained(
        self, picture: Pixels, objects: list[Detected], model: Detector
    ) -> Iterator[tuple[tuple[Region, NDArray[np.int64]], GameValues, int]]:
        """Segments, values and the object's output. Objects whose region is the same are explained by the same calls."""
        absent = self._background(picture)
        regions = [surroundings(one, picture, self.image.context) for one in objects]
        games: dict[Region, tuple[tuple[Region, NDArray[np.int64]], GameValues]] = {}
        for one, region in zip(objects, regions, strict=True):
            alike = [other for other, place in zip(objects, regions, strict=True) if place == region]
            if region not in games:
                segments = self._segments(picture, region)
                scores = _object_scores(alike, model, self.image.iou_threshold)
                games[region] = (segments, self._values(SegmentedPicture(picture, absent, *segments), scores))
            segments, found = games[region]
            yield segments, found, alike.index(one)

    def _pictures(self, paths: Sequence[Path]) -> Iterator[tuple[str, Pixels]]:
        for path in paths:
            check_picture(path)
        debug = self.image.debug or {}
        wanted = set(debug.get("image_names") or ())
        chosen = [(stem, path) for stem, path in zip(stems(paths, self.folder), paths, strict=True)]
        if wanted:
            chosen = [(stem, path) for stem, path in chosen if path.name in wanted or path.stem in wanted]
        self.output.mkdir(parents=True, exist_ok=True)
        chosen = chosen[debug.get("sample_from") or 0 : debug.get("sample_to")]
        for place in self.share(len(chosen)):
            stem, path = chosen[place]
            logging.info("Explaining picture %d of %d: %s", place + 1, len(chosen), path.name)
            yield stem, read_picture(path)

    def _class_name(self, one: Detected) -> str:
        return str(self.labels[one.class_id]) if one.class_id < len(self.labels) else f"class {one.class_id}"

    def _background(self, picture: Pixels) -> Pixels:
        return background(picture, self.baseline, self.settings.seed or 0)

    def _segments(self, picture: Pixels, region: Region) -> tuple[Region, NDArray[np.int64]]:
        return region, segment(picture, region, self.image.num_segments, self.image.segment_compactness)

    def _values(self, game: SegmentedPicture, model: Any) -> GameValues:
        link = log_odds if self.settings.use_logit else identity

        def scores(masks: Masks) -> Array:
            self.calls += len(masks)
            return link(np.concatenate([model(pictures) for _, pictures in game.pictures(masks)]))

        budget = self.settings.num_samples or default_budget(game.players)
        return shapley_of_game(scores, game.players, budget, self.settings.seed or 0)


def _object_scores(objects: list[Detected], model: Detector, threshold: float) -> Any:
    def scores(pictures: list[Pixels]) -> Array:
        return np.array([[score_of(one, found, threshold) for one in objects] for found in model(pictures)], np.float64)

    return scores


def _record(found: GameValues, output: int) -> Section:
    return {
        "score": float(found.total[output]),
        "expected_value": float(found.empty[output]),
        "attributions": found.values[:, output].tolist(),
    }


def write_records(results: Sequence[PictureResult], output: Path, part: int | None = None) -> Path:
    """Writes the values of all segments to `explanations_shap/out.jsonl`, a line a heat map. `part`: number of the host, where
    several write one part each: out.jsonl is then a folder."""
    path = output / FOLDER / "out.jsonl"
    if part is not None:
        path /= f"part-{part:05d}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(one.record | {"heat_map": one.path.name}, allow_nan=False) for one in results)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
