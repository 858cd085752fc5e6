"""Epochs of supervised training, compiled: a text's vector is the mean of its rows, and softmax predicts its label."""

from __future__ import annotations

import numpy as np

from sagewright.algorithms.native.kernels import kernel


@kernel(fastmath=True, error_model="numpy")
def learn(
    texts: tuple[np.ndarray, np.ndarray, np.ndarray],
    inputs: np.ndarray,
    outputs: np.ndarray,
    order: np.ndarray,
    labels: np.ndarray,
    rates: tuple[float, float],
) -> None:
    """`texts` are indptr, indices and data of the texts' rows, each text's data adding up to 1; `labels` (n,) of the texts in their
    `order`; the rate falls from the first of `rates` to the second.
    """
    indptr, indices, data = texts
    width, count = inputs.shape[1], outputs.shape[0]
    vector, slope, score = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(count, np.float32)
    begun, ended = rates
    for number in range(len(order)):
        rate = np.float32(begun + (ended - begun) * number / len(order))
        row = order[number]
        vector[:] = 0
        slope[:] = 0
        for place in range(indptr[row], indptr[row + 1]):
            for part in range(width):
                vector[part] += data[place] * inputs[indices[place], part]
        most = np.float32(-1e30)
        for label in range(count):
            found = np.float32(0)
            for part in range(width):
                found += vector[part] * outputs[label, part]
            score[label] = found
            most = max(most, found)
        total = np.float32(0)
        for label in range(count):
            score[label] = np.exp(score[label] - most)
            total += score[label]
        for label in range(count):
            step = rate * (np.float32(label == labels[number]) - score[label] / total)
            for part in range(width):
                slope[part] += step * outputs[label, part]
                outputs[label, part] += step * vector[part]
        for place in range(indptr[row], indptr[row + 1]):
            for part in range(width):
                inputs[indices[place], part] += data[place] * slope[part]
