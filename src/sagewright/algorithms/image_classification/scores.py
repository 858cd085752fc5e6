"""The quality of a classifier: for single labels, the accuracy and the top-k accuracy; for several labels, the share of correct
decisions."""

from __future__ import annotations

import torch


class Scores:
    """Accumulates scores over batches on the device; it is synchronised only when results are requested."""

    def __init__(self, multi_label: bool, top: int | None) -> None:
        self._multi, self._top = multi_label, top
        self._sums: torch.Tensor | None = None

    def add(self, raw: torch.Tensor, labels: torch.Tensor, loss: torch.Tensor | None) -> None:
        """`raw` (n, classes) scores before softmax or sigmoid; `labels` (n,) or (n, classes); `loss` their mean."""
        if self._multi:
            right = ((raw > 0) == (labels > 0.5)).float().mean(1).sum()
            top = right
        else:
            right = (raw.argmax(1) == labels).sum()
            top = right
            if self._top is not None:
                top = (raw.topk(self._top, 1).indices == labels[:, None]).any(1).sum()
        total = torch.zeros((), device=raw.device) if loss is None else loss * len(raw)
        sums = torch.stack([torch.full_like(total, len(raw)), right.to(total.dtype), top.to(total.dtype), total])
        self._sums = sums.double() if self._sums is None else self._sums + sums

    def measures(self) -> dict[str, float]:
        """Measures by their names in MXNet's log."""
        assert self._sums is not None
        count, right, top, _ = self._sums.tolist()
        found = {"accuracy": right / count}
        if self._top is not None:
            found[f"top_k_accuracy_{self._top}"] = top / count
        return found

    def loss(self) -> float:
        """The mean loss."""
        assert self._sums is not None
        count, _, _, total = self._sums.tolist()
        return float(total / count)
