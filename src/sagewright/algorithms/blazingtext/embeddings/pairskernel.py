"""Passes of word2vec over sentences, compiled: CBOW, skip-gram, and skip-gram whose pairs share their negative samples.

`text` consists of ids (n,) int32 and the positions (m + 1,) at which sentences begin. `model` consists of inputs (r, d) and outputs
(v, d) float32 and, for each word, `indptr` (v + 1,) and `rows` of the inputs whose mean is its vector. `noise` consists of each
word's probability of being kept (v,) float32, and Walker's table of the negative samples: a limit (v,) float32 and another word
(v,) int32. `settings` are the window, the number of negative samples, and the number of pairs that share them; `rates` are the
learning rates at the beginning and at the end. `state` (1,) uint64 is the state of the random generator. All passes return the
number of words that they learnt from.

The vectors of a sentence's words are computed once, and their rows are updated once, after the sentence or the word.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from sagewright.algorithms.native.kernels import kernel

LONGEST = 1000
"""Maximum number of words of a sentence that are learnt together."""
STEPS, EDGE = 4096, 8.0
SIGMOID = (1 / (1 + np.exp(-np.linspace(-EDGE, EDGE, STEPS)))).astype(np.float32)
MULTIPLIER, INCREMENT = np.uint64(6364136223846793005), np.uint64(1442695040888963407)
SHIFT, BITS = np.uint64(40), np.float32(1 / (1 << 24))
FAST = {"fastmath": True, "error_model": "numpy"}

Ints: TypeAlias = np.ndarray
Floats: TypeAlias = np.ndarray


@kernel(inline="always", **FAST)
def _chance(state: np.ndarray) -> Any:
    """A random number between 0 and 1."""
    state[0] = state[0] * MULTIPLIER + INCREMENT
    return np.float32(state[0] >> SHIFT) * BITS


@kernel(inline="always", **FAST)
def _below(most: int, state: np.ndarray) -> Any:
    return min(int(_chance(state) * np.float32(most)), most - 1)


@kernel(inline="always", **FAST)
def _sample(limit: Floats, other: Ints, state: np.ndarray) -> Any:
    word = _below(len(limit), state)
    return np.int64(word) if _chance(state) < limit[word] else np.int64(other[word])


@kernel(inline="always", **FAST)
def _likely(score: float) -> Any:
    place = (score + np.float32(EDGE)) * np.float32((STEPS - 1) / (2 * EDGE))
    return SIGMOID[int(min(max(place, np.float32(0)), np.float32(STEPS - 1)))]


@kernel(inline="always", **FAST)
def _kept(ids: Ints, begin: int, end: int, stays: Floats, state: np.ndarray, out: Ints) -> Any:
    """Writes the words of a sentence that are kept to `out` and returns their number."""
    count = 0
    for place in range(begin, end):
        if _chance(state) < stays[ids[place]]:
            out[count] = ids[place]
            count += 1
    return count


@kernel(**FAST)
def _product(one: Floats, other: Floats) -> Any:
    found = np.float32(0)
    for part in range(len(one)):
        found += one[part] * other[part]
    return found


@kernel(**FAST)
def _add(share: float, vector: Floats, out: Floats) -> None:
    for part in range(len(vector)):
        out[part] += share * vector[part]


@kernel(inline="always", **FAST)
def _vector(inputs: Floats, indptr: Ints, rows: Ints, word: int, out: Floats) -> None:
    """The mean of the word's rows."""
    begin, end = indptr[word], indptr[word + 1]
    share = np.float32(1) / np.float32(end - begin)
    out[:] = 0
    for place in range(begin, end):
        _add(share, inputs[rows[place]], out)


@kernel(inline="always", **FAST)
def _move(inputs: Floats, indptr: Ints, rows: Ints, word: int, slope: Floats) -> None:
    for place in range(indptr[word], indptr[word + 1]):
        _add(np.float32(1), slope, inputs[rows[place]])


@kernel(**FAST)
def _begin(model: Any, sentence: Ints, vectors: Floats, moves: Floats) -> None:
    """Computes the vectors of a sentence's words and clears their updates."""
    inputs, _, indptr, rows = model
    for place in range(len(sentence)):
        _vector(inputs, indptr, rows, sentence[place], vectors[place])
        moves[place] = 0


@kernel(**FAST)
def _end(model: Any, sentence: Ints, moves: Floats) -> None:
    inputs, _, indptr, rows = model
    for place in range(len(sentence)):
        _move(inputs, indptr, rows, sentence[place], moves[place])


@kernel(inline="always", **FAST)
def _learn(vector: Floats, outputs: Floats, word: int, truth: float, rate: float, slope: Floats) -> None:
    """Makes one output's step and adds the vector's update to `slope`."""
    output = outputs[word]
    step = rate * (truth - _likely(_product(vector, output)))
    for part in range(len(vector)):
        old = output[part]
        slope[part] += step * old
        output[part] = old + step * vector[part]


@kernel(**FAST)
def skipgram(text: Any, model: Any, noise: Any, settings: Any, rates: Any, state: np.ndarray) -> Any:
    """Each word's vector predicts each of its neighbours, one at a time."""
    (ids, starts), (inputs, outputs, indptr, rows), (stays, limit, other) = text, model, noise
    window, negatives, _ = settings
    width = inputs.shape[1]
    sentence, learnt = np.empty(LONGEST, np.int32), 0
    vector, slope, move = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    for number in range(len(starts) - 1):
        rate = np.float32(rates[0] + (rates[1] - rates[0]) * number / (len(starts) - 1))
        count = _kept(ids, starts[number], starts[number + 1], stays, state, sentence)
        learnt += count
        for place in range(count):
            reach = 1 + _below(window, state)
            _vector(inputs, indptr, rows, sentence[place], vector)
            move[:] = 0
            for near in range(max(0, place - reach), min(count, place + reach + 1)):
                if near == place:
                    continue
                slope[:] = 0
                _learn(vector, outputs, sentence[near], np.float32(1), rate, slope)
                for _sampled in range(negatives):
                    word = _sample(limit, other, state)
                    if word != sentence[near]:
                        _learn(vector, outputs, word, np.float32(0), rate, slope)
                _add(np.float32(1), slope, vector)
                _add(np.float32(1), slope, move)
            _move(inputs, indptr, rows, sentence[place], move)
    return learnt


@kernel(**FAST)
def cbow(text: Any, model: Any, noise: Any, settings: Any, rates: Any, state: np.ndarray) -> Any:
    """The mean of the neighbours' vectors predicts the word."""
    (ids, starts), (inputs, outputs, _, _), (stays, limit, other) = text, model, noise
    window, negatives, _ = settings
    width = inputs.shape[1]
    sentence, learnt = np.empty(LONGEST, np.int32), 0
    vector, slope = np.empty(width, np.float32), np.empty(width, np.float32)
    vectors, moves = np.empty((LONGEST, width), np.float32), np.empty((LONGEST, width), np.float32)
    for number in range(len(starts) - 1):
        rate = np.float32(rates[0] + (rates[1] - rates[0]) * number / (len(starts) - 1))
        count = _kept(ids, starts[number], starts[number + 1], stays, state, sentence)
        learnt += count
        _begin(model, sentence[:count], vectors, moves)
        for place in range(count):
            reach = 1 + _below(window, state)
            begin, end = max(0, place - reach), min(count, place + reach + 1)
            if end - begin < 2:
                continue
            share = np.float32(1) / np.float32(end - begin - 1)
            vector[:] = 0
            slope[:] = 0
            for near in range(begin, end):
                if near != place:
                    _add(share, vectors[near], vector)
            _learn(vector, outputs, sentence[place], np.float32(1), rate, slope)
            for _sampled in range(negatives):
                word = _sample(limit, other, state)
                if word != sentence[place]:
                    _learn(vector, outputs, word, np.float32(0), rate, slope)
            for near in range(begin, end):
                if near != place:
                    _add(np.float32(1), slope, vectors[near])
                    _add(np.float32(1), slope, moves[near])
        _end(model, sentence[:count], moves)
    return learnt


@kernel(**FAST)
def _together(pairs: Ints, outputs: Floats, samples: Ints, room: Any, rate: float) -> None:
    """Makes one step for pairs (m, 2) of a neighbour's position in the sentence and a word; all share the samples (k,)."""
    vectors, moves, slopes, others, errors = room
    for pair in range(len(pairs)):
        slopes[pair] = 0
        _learn(vectors[pairs[pair, 0]], outputs, pairs[pair, 1], np.float32(1), rate, slopes[pair])
    for sample in range(len(samples)):
        others[sample] = outputs[samples[sample]]
    for pair in range(len(pairs)):
        vector, slope = vectors[pairs[pair, 0]], slopes[pair]
        for sample in range(len(samples)):
            score = _product(vector, others[sample])
            right = samples[sample] == pairs[pair, 1]
            errors[pair, sample] = np.float32(0) if right else -rate * _likely(score)
        for sample in range(len(samples)):
            _add(errors[pair, sample], others[sample], slope)
    for sample in range(len(samples)):
        output = outputs[samples[sample]]
        for pair in range(len(pairs)):
            _add(errors[pair, sample], vectors[pairs[pair, 0]], output)
    for pair in range(len(pairs)):
        _add(np.float32(1), slopes[pair], vectors[pairs[pair, 0]])
        _add(np.float32(1), slopes[pair], moves[pairs[pair, 0]])


@kernel(**FAST)
def batch_skipgram(text: Any, model: Any, noise: Any, settings: Any, rates: Any, state: np.ndarray) -> Any:
    """Neighbours' vectors predict the word, several pairs of a sentence at a time."""
    (ids, starts), (stays, limit, other), outputs = text, noise, model[1]
    window, negatives, most = settings
    width = outputs.shape[1]
    sentence, learnt = np.empty(LONGEST, np.int32), 0
    pairs, samples = np.empty((most, 2), np.int64), np.empty(negatives, np.int64)
    vectors, moves = np.empty((LONGEST, width), np.float32), np.empty((LONGEST, width), np.float32)
    slopes, others = np.empty((most, width), np.float32), np.empty((negatives, width), np.float32)
    room = vectors, moves, slopes, others, np.empty((most, negatives), np.float32)
    for number in range(len(starts) - 1):
        rate = np.float32(rates[0] + (rates[1] - rates[0]) * number / (len(starts) - 1))
        count = _kept(ids, starts[number], starts[number + 1], stays, state, sentence)
        learnt += count
        _begin(model, sentence[:count], vectors, moves)
        held = 0
        for place in range(count):
            reach = 1 + _below(window, state)
            for near in range(max(0, place - reach), min(count, place + reach + 1)):
                if near != place:
                    pairs[held, 0], pairs[held, 1] = near, sentence[place]
                    held += 1
                last = place == count - 1 and near == min(count, place + reach + 1) - 1
                if held == most or (last and held):
                    for sample in range(negatives):
                        samples[sample] = _sample(limit, other, state)
                    _together(pairs[:held], outputs, samples, room, rate)
                    held = 0
        _end(model, sentence[:count], moves)
    return learnt
