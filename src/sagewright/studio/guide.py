"""The guide: a decision tree from the kind of data to an algorithm. Its content is the product's teaching, not AWS's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class AlgorithmChoice:
    """An algorithm with the reason for it; `query` completes the address of the job's form."""

    algorithm: str
    title: str
    why: str
    query: str = ""


@dataclass(frozen=True)
class Option:
    """An answer: its name in the address, its words, a sentence of what it means."""

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
    scenarios: tuple[tuple[str, str, str], ...]


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
        ),
        AlgorithmChoice("linear-learner", "Linear Learner", "a fast baseline whose weights can be read"),
        AlgorithmChoice("knn", "k-nearest neighbours", "when alike rows have alike answers"),
    ),
    ("table", "class"): (
        AlgorithmChoice(
            "xgboost", "XGBoost", "the strongest default on tables; handles missing values", "objective=binary:logistic"
        ),
        AlgorithmChoice("linear-learner", "Linear Learner", "a fast baseline whose weights can be read"),
        AlgorithmChoice("knn", "k-nearest neighbours", "when alike rows have alike answers"),
    ),
    ("table", "groups"): (AlgorithmChoice("kmeans", "k-means", "groups of alike rows; you choose how many"),),
    ("table", "odd"): (AlgorithmChoice("randomcutforest", "Random Cut Forest", "a score for how odd each row is"),),
    ("table", "fewer"): (AlgorithmChoice("pca", "PCA", "directions in which the rows differ most"),),
    ("text", "class"): (
        AlgorithmChoice("blazingtext", "BlazingText, supervised", "fast, and saves in fastText's format"),
    ),
    ("text", "words"): (AlgorithmChoice("blazingtext", "BlazingText, word2vec", "vectors from plain text"),),
    ("text", "topics"): (
        AlgorithmChoice("lda", "LDA", "topics as mixtures of words"),
        AlgorithmChoice("ntm", "Neural Topic Model", "topics by a small network"),
    ),
    ("text", "translate"): (AlgorithmChoice("seq2seq", "Seq2Seq", "from one sequence of tokens to another"),),
    ("text", "pairs"): (AlgorithmChoice("object2vec", "Object2Vec", "vectors of pairs that belong together"),),
    ("image", "class"): (
        AlgorithmChoice("image-classification", "Image Classification", "a label for the whole image"),
    ),
    ("image", "boxes"): (AlgorithmChoice("object-detection", "Object Detection", "boxes with labels"),),
    ("image", "pixels"): (AlgorithmChoice("semantic-segmentation", "Semantic Segmentation", "a label for each pixel"),),
    ("series", "future"): (
        AlgorithmChoice("forecasting-deepar", "DeepAR", "learns from many related series; forecasts quantiles"),
    ),
    ("series", "odd"): (AlgorithmChoice("randomcutforest", "Random Cut Forest", "a score for each point of a stream"),),
    ("sparse", ""): (
        AlgorithmChoice("factorization-machines", "Factorization Machines", "interactions of sparse features"),
        AlgorithmChoice("knn", "k-nearest neighbours", "when vectors of users or items exist already"),
    ),
    ("addresses", ""): (AlgorithmChoice("ipinsights", "IP Insights", "which address is unusual for whom"),),
}
SCENARIOS = (
    ("The best hyperparameters, efficiently", "a tuning job, Bayesian", "/studio/tuning"),
    ("Save up to 90 % of training cost", "managed spot training with checkpoints", "/studio/jobs/new"),
    ("Large data that is not copied to disk", "Pipe or FastFile mode", "/studio/jobs/new"),
    ("Version and approve models before they deploy", "the registry", "/studio/models"),
    ("Track and compare training runs", "Experiments", "/studio/experiments"),
    ("Try a new model on a tenth of the traffic", "two variants of an endpoint", "/studio/endpoints"),
    ("The same steps every week", "a pipeline and a schedule", "/studio/pipelines"),
)


def advise(answers: Mapping[str, str]) -> Advice:
    """Returns the next question, or the algorithms for these answers."""
    data = _chosen(DATA, answers)
    if data is None:
        return Advice((), DATA, {}, (), SCENARIOS)
    asked = [(DATA.text, data.words, "data")]
    question = GOALS.get(data.name)
    if question is None:
        return Advice(tuple(asked), None, {"data": data.name}, ANSWERS[data.name, ""], SCENARIOS)
    goal = _chosen(question, answers)
    if goal is None:
        return Advice(tuple(asked), question, {"data": data.name}, (), SCENARIOS)
    asked.append((question.text, goal.words, "goal"))
    chosen = {"data": data.name, "goal": goal.name}
    return Advice(tuple(asked), None, chosen, ANSWERS[data.name, goal.name], SCENARIOS)


def _chosen(question: Question, answers: Mapping[str, str]) -> Option | None:
    return next((one for one in question.options if one.name == answers.get(question.name)), None)
