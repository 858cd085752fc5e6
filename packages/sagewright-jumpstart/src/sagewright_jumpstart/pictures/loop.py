"""One epoch of a picture classifier's training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.nn import functional

from sagewright_jumpstart.descent import Descent, steps_of
from sagewright_jumpstart.hyperparameters import Hyperparameters
from sagewright_jumpstart.pictures.data import PictureStore
from sagewright_jumpstart.pictures.network import PictureNetwork, scaled

_LARGEST_NORM = 5.0


class PictureTrainer:
    """Trains all of the network, or its top layer alone, whose input is then computed once."""

    measure = "accuracy"

    def __init__(self, network: PictureNetwork, given: Hyperparameters, data: PictureStore, held: PictureStore) -> None:
        self._network, self._given, self._data, self._held = network, given, data, held
        self._top_alone = given.flag("train_only_top_layer")
        self._augment = given.flag("augmentation") and not self._top_alone
        self._generator = torch.Generator().manual_seed(given.whole("seed"))
        self._device = network.head.weight.device
        network.requires_grad_(not self._top_alone)
        network.head.requires_grad_(True)
        self._vectors = [self._encoded(each) for each in (data, held)] if self._top_alone else []
        falling = lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps_of(given, len(data)))  # noqa: E731
        self._descent = Descent(self._groups(), given, falling, _LARGEST_NORM)

    def train_epoch(self) -> float:
        self._network.train(not self._top_alone)
        order = torch.randperm(len(self._data), generator=self._generator).tolist()
        size = self._given.whole("batch_size")
        batches = (order[start : start + size] for start in range(0, len(order), size))
        alone = len(order) == 1 or self._top_alone  # else batch normalization needs two
        return self._descent.epoch(
            (rows for rows in batches if alone or len(rows) > 1),
            lambda rows: functional.cross_entropy(self._scores(rows), self._data.labels[rows].to(self._device)),
        )

    @torch.inference_mode()
    def evaluate(self) -> tuple[float, float] | None:
        self._network.eval()
        if not len(self._held):
            return None
        loss, right = 0.0, 0
        for rows in self._batches(len(self._held)):
            if self._top_alone:
                scores = self._network.head(self._vectors[1][rows])
            else:
                scores = self._network(self._network.centre(self._held.pictures(rows)).to(self._device))
            labels = self._held.labels[rows].to(self._device)
            loss += float(functional.cross_entropy(scores, labels, reduction="sum"))
            right += int((scores.argmax(1) == labels).sum())
        return loss / len(self._held), right / len(self._held)

    def state(self) -> Any:
        return {name: value.detach().clone() for name, value in self._network.state_dict().items()}

    def restore(self, state: Any) -> None:
        self._network.load_state_dict(state)

    def _scores(self, rows: list[int]) -> torch.Tensor:
        if self._top_alone:
            return self._network.head(self._vectors[0][rows])
        pictures = self._data.pictures(rows)
        made = self._changed(pictures) if self._augment else self._network.centre(pictures)
        return self._network(made.to(self._device))

    def _changed(self, pictures: torch.Tensor) -> torch.Tensor:
        """Returns a random part of each picture, half of them mirrored."""
        side, room = self._network.side, pictures.shape[-1] - self._network.side
        made = []
        for picture in pictures:
            x, y, mirrored = torch.randint(0, room + 1, (3,), generator=self._generator).tolist()
            part = picture[:, y : y + side, x : x + side]
            made.append(part.flip(2) if mirrored % 2 else part)
        return scaled(torch.stack(made))

    @torch.no_grad()
    def _encoded(self, store: PictureStore) -> torch.Tensor:
        self._network.eval()
        parts = [
            self._network.vectors(self._network.centre(store.pictures(rows)).to(self._device))
            for rows in self._batches(len(store))
        ]
        return torch.cat(parts) if parts else torch.empty(0)

    def _batches(self, count: int) -> Iterator[list[int]]:
        size = self._given.whole("batch_size")
        return (list(range(start, min(count, start + size))) for start in range(0, count, size))

    def _groups(self) -> list[dict[str, Any]]:
        """Returns the parameters with their highest rates."""
        given, head = self._given, list(self._network.head.parameters())
        groups = [{"params": head, "lr": given.number("top_layer_learning_rate")}]
        body = [
            each
            for each in self._network.parameters()
            if each.requires_grad and all(each is not other for other in head)
        ]
        if body:
            groups.append({"params": body, "lr": given.number("learning_rate")})
        return groups
