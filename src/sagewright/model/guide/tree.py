"""A decision tree from the kind of data to an algorithm. Its content is the product's teaching, not AWS's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sagewright.model.guide.scenarios import BEYOND_ALGORITHMS, Scenario


@dataclass(frozen=True)
class AlgorithmChoice:
    """An algorithm with the reason for it.

    `query` completes the URL of the job's form. `example`: an example of the exam, or a program of `examples/algorithms` with
    its folder, "" if there is none.
    """

    algorithm: str
    title: str
    why: str
    query: str = ""
    example: str = ""


@dataclass(frozen=True)
class Option:
    """An answer: its name in the URL, its words, and a sentence that explains it."""

    name: str
    words: str
    means: str


@dataclass(frozen=True)
class Question:
    name: str
    text: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Advice:
    """`asked`: questions with the chosen answers; `open`: the question to answer, None at the end."""

    asked: tuple[tuple[str, str, str], ...]
    open: Question | None
    answers: Mapping[str, str]
    suggestions: tuple[AlgorithmChoice, ...]
    scenarios: tuple[Scenario, ...]


DATA = Question(
    "data",
    "What is your data?",
    (
        Option("table", "A table", "rows with columns of numbers and categories"),
        Option("text", "Text", "sentences, documents, words"),
        Option("image", "Images", "JPEG or PNG"),
        Option("series", "Time series", "values over time, one series or many"),
        Option("sparse", "Clicks, ratings", "mostly empty: users and items"),
        Option("addresses", "Who from where", "pairs of an entity and an IP address"),
    ),
)
GOALS = {
    "table": Question(
        "goal",
        "What should the model say?",
        (
            Option("number", "A number", "regression"),
            Option("class", "A class", "one of two, or of several"),
            Option("groups", "Groups of alike rows", "no label needed"),
            Option("odd", "Which rows are odd", "anomalies, no label needed"),
            Option("fewer", "Fewer columns", "what the columns have in common"),
        ),
    ),
    "text": Question(
        "goal",
        "What should the model say?",
        (
            Option("class", "A class for each text", "spam, topic, sentiment"),
            Option("words", "Vectors of words", "words that mean alike lie close"),
            Option("topics", "Topics of documents", "no label needed"),
            Option("translate", "Another text", "translation, summaries"),
            Option("pairs", "Whether two texts belong together", "search, recommendation"),
        ),
    ),
    "image": Question(
        "goal",
        "What should the model say?",
        (
            Option("class", "What the image shows", "a label for the whole image"),
            Option("boxes", "Where things are", "boxes around objects"),
            Option("pixels", "Which pixel belongs to what", "a mask"),
        ),
    ),
    "series": Question(
        "goal",
        "What should the model say?",
        (
            Option("future", "The future", "forecasts with quantiles"),
            Option("odd", "What is odd", "anomalies in a stream"),
        ),
    ),
}
ANSWERS: dict[tuple[str, str], tuple[AlgorithmChoice, ...]] = {
    ("table", "number"): (
        AlgorithmChoice(
            "xgboost",
            "XGBoost",
            "the strongest default on tables; handles missing values",
            "objective=reg:squarederror",
            example="tabular_xgboost",
        ),
        AlgorithmChoice(
            "linear-learner", "Linear Learner", "a fast baseline whose weights can be read", example="linear_baseline"
        ),
        AlgorithmChoice("knn", "k-nearest neighbours", "when alike rows have alike answers"),
    ),
    ("table", "class"): (
        AlgorithmChoice(
            "xgboost",
            "XGBoost",
            "the strongest default on tables; handles missing values",
            "objective=binary:logistic",
            example="tabular_xgboost",
        ),
        AlgorithmChoice(
            "linear-learner", "Linear Learner", "a fast baseline whose weights can be read", example="linear_baseline"
        ),
        AlgorithmChoice("knn", "k-nearest neighbours", "when alike rows have alike answers"),
    ),
    ("table", "groups"): (AlgorithmChoice("kmeans", "k-means", "groups of alike rows; you choose how many"),),
    ("table", "odd"): (
        AlgorithmChoice(
            "randomcutforest", "Random Cut Forest", "a score for how odd each row is", example="stream_anomalies"
        ),
    ),
    ("table", "fewer"): (AlgorithmChoice("pca", "PCA", "directions in which the rows differ most"),),
    ("text", "class"): (
        AlgorithmChoice(
            "blazingtext",
            "BlazingText, supervised",
            "fast, and saves in fastText's format",
            example="text_classification",
        ),
    ),
    ("text", "words"): (
        AlgorithmChoice("blazingtext", "BlazingText, word2vec", "vectors from plain text", example="word_embeddings"),
    ),
    ("text", "topics"): (
        AlgorithmChoice("lda", "LDA", "topics as mixtures of words", example="topics"),
        AlgorithmChoice("ntm", "Neural Topic Model", "topics by a small network", example="topics"),
    ),
    ("text", "translate"): (
        AlgorithmChoice("seq2seq", "Seq2Seq", "from one sequence of tokens to another", example="algorithms/seq2seq"),
    ),
    ("text", "pairs"): (
        AlgorithmChoice(
            "object2vec", "Object2Vec", "vectors of pairs that belong together", example="algorithms/object2vec"
        ),
    ),
    ("image", "class"): (
        AlgorithmChoice(
            "image-classification",
            "Image Classification",
            "a label for the whole image",
            example="image_classification",
        ),
    ),
    ("image", "boxes"): (
        AlgorithmChoice("object-detection", "Object Detection", "boxes with labels", example="object_detection"),
    ),
    ("image", "pixels"): (
        AlgorithmChoice(
            "semantic-segmentation",
            "Semantic Segmentation",
            "a label for each pixel",
            example="algorithms/semantic_segmentation",
        ),
    ),
    ("series", "future"): (
        AlgorithmChoice(
            "forecasting-deepar",
            "DeepAR",
            "learns from many related series; forecasts quantiles",
            example="forecast_deepar",
        ),
    ),
    ("series", "odd"): (
        AlgorithmChoice(
            "randomcutforest", "Random Cut Forest", "a score for each point of a stream", example="stream_anomalies"
        ),
    ),
    ("sparse", ""): (
        AlgorithmChoice(
            "factorization-machines",
            "Factorization Machines",
            "interactions of sparse features",
            example="recommendation",
        ),
        AlgorithmChoice("knn", "k-nearest neighbours", "when vectors of users or items exist already"),
    ),
    ("addresses", ""): (AlgorithmChoice("ipinsights", "IP Insights", "which address is unusual for whom"),),
}


def advise(answers: Mapping[str, str]) -> Advice:
    """Returns the next question, or the algorithms for these answers."""
    data = _chosen(DATA, answers)
    if data is None:
        return Advice((), DATA, {}, (), BEYOND_ALGORITHMS)
    asked = [(DATA.text, data.words, "data")]
    question = GOALS.get(data.name)
    if question is None:
        return Advice(tuple(asked), None, {"data": data.name}, ANSWERS[data.name, ""], BEYOND_ALGORITHMS)
    goal = _chosen(question, answers)
    if goal is None:
        return Advice(tuple(asked), question, {"data": data.name}, (), BEYOND_ALGORITHMS)
    asked.append((question.text, goal.words, "goal"))
    chosen = {"data": data.name, "goal": goal.name}
    return Advice(tuple(asked), None, chosen, ANSWERS[data.name, goal.name], BEYOND_ALGORITHMS)


def _chosen(question: Question, answers: Mapping[str, str]) -> Option | None:
    return next((one for one in question.options if one.name == answers.get(question.name)), None)
