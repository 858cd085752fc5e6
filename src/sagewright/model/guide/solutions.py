"""The solution templates: whole pipelines on packaged data. `sagewright solutions` runs them; Studio shows the
results."""

from __future__ import annotations

from dataclasses import dataclass

TAG = "sagewright:solution"
"""Tag of all that a solution makes; its value is the solution's name, which is its endpoint's too."""


@dataclass(frozen=True)
class SolutionTemplate:
    """`measure`: the number that its pipeline checks before it registers a model."""

    name: str
    title: str
    question: str
    algorithm: str
    data: str
    measure: str

    @property
    def pipeline(self) -> str:
        """The name of its pipeline and of its model package group."""
        return f"solution-{self.name}"

    @property
    def prefix(self) -> str:
        """The folder of its data, results and reports in the account's default bucket."""
        return f"solutions/{self.name}/"

    @property
    def report(self) -> str:
        """The key of its newest report in that bucket."""
        return f"{self.prefix}report/report.html"

    @property
    def command(self) -> str:
        return f"sagewright solutions run {self.name}"


SOLUTIONS = (
    SolutionTemplate(
        "churn", "Customer churn", "Which customers will leave?", "XGBoost",
        "5,000 telephone customers (mlc_churn)", "AUC, at least 0.9",
    ),
    SolutionTemplate(
        "credit", "Explained credit decisions", "Which loans are paid back, why, and are groups treated alike?",
        "XGBoost, Clarify", "1,000 loans of a German bank (Statlog)", "AUC, at least 0.75",
    ),
    SolutionTemplate(
        "demand", "Demand forecast", "How much is needed in the next 18 months?", "DeepAR",
        "334 monthly series of industry (M3)", "MASE, at most 0.95 of last year's values'",
    ),
    SolutionTemplate(
        "recommender", "Recommender", "What would this user like?", "factorization machines",
        "73,421 ratings of lectures (InstEval)", "RMSE, below that of means of users and items",
    ),
    SolutionTemplate(
        "anomalies", "Anomalies in a stream", "Which readings are unlike those before?", "random cut forest",
        "49,097 readings of a space shuttle", "AUC, at least 0.9",
    ),
    SolutionTemplate(
        "trees", "Trees from above", "Where do trees stand in an aerial picture?", "Object Detection",
        "a forest in Yellowstone (deepforest)", "average precision, at least 0.25",
    ),
)  # fmt: skip
