"""Solutions: the six templates, and which of them have run here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sagewright.model.errors import AwsError
from sagewright.model.guide.solutions import SOLUTIONS, TAG, SolutionTemplate
from sagewright.studio.pages.jumpstart import tabs
from sagewright.studio.tables import ListTab
from sagewright.studio.visit import Visit, page


@dataclass(frozen=True)
class SolutionLink:
    """A resource that the solution has created: its status ("" for a kind without one), and the address of its page."""

    label: str
    address: str
    status: str = ""


@dataclass(frozen=True)
class SolutionCard:
    """A template, and the resources of its last run."""

    name: str
    title: str
    question: str
    facts: tuple[tuple[str, str], ...]
    command: str
    links: tuple[SolutionLink, ...]
    note: str = ""


@dataclass(frozen=True)
class SolutionsView:
    cards: tuple[SolutionCard, ...]
    here: int
    views: tuple[ListTab, ...] = tabs("Solutions")

    def csv(self) -> tuple[list[str], list[list[Any]]]:
        head = ["Name", "Question", "Command", "Here"]
        return head, [
            [one.name, one.question, one.command, ", ".join(each.label for each in one.links)] for one in self.cards
        ]


@page("/solutions", "solutions.html", "jumpstart", ("pipeline", "execution", "endpoint"))
def solutions(visit: Visit) -> SolutionsView:
    """The solutions: the question, the command that runs each, and its pipeline, endpoint and report if it has run here."""
    cards = tuple(_card(visit, one) for one in SOLUTIONS)
    return SolutionsView(cards, sum(bool(one.links) for one in cards))


def _card(visit: Visit, template: SolutionTemplate) -> SolutionCard:
    pipeline = _own(visit, template, "Pipeline", template.pipeline)
    endpoint = _own(visit, template, "Endpoint", template.name)
    links = []
    if pipeline:
        links.append(SolutionLink("Pipeline", f"/studio/pipelines/{template.pipeline}", _last_status(visit, template)))
    if endpoint:
        links.append(SolutionLink("Endpoint", f"/studio/endpoints/{template.name}", endpoint["EndpointStatus"]))
    bucket = f"sagemaker-{visit.place.region}-{visit.place.account}"
    if pipeline and _exists(visit, bucket, template.report):
        query = urlencode({"bucket": bucket, "key": template.report})
        links.append(SolutionLink("Report", f"/studio/open?{query}"))
        links.append(SolutionLink("Files", f"/studio/buckets/{bucket}/{template.prefix}"))
    facts = (("Algorithm", template.algorithm), ("Data", template.data), ("Must keep", template.measure))
    return SolutionCard(template.name, template.title, template.question, facts, template.command, tuple(links))


def _own(visit: Visit, template: SolutionTemplate, kind: str, name: str) -> dict[str, Any]:
    """Returns the description of a resource that the solution has made, {} if there is none."""
    found = _described(visit, "sagemaker", f"Describe{kind}", **{f"{kind}Name": name})
    if not found:
        return {}
    tags = visit.client.aside("sagemaker", "ListTags", ResourceArn=found[f"{kind}Arn"])["Tags"]
    return found if {"Key": TAG, "Value": template.name} in tags else {}


def _last_status(visit: Visit, template: SolutionTemplate) -> str:
    found = visit.client.aside(
        "sagemaker", "ListPipelineExecutions", PipelineName=template.pipeline, SortOrder="Descending", MaxResults=1
    )
    return next((one["PipelineExecutionStatus"] for one in found["PipelineExecutionSummaries"]), "")


def _exists(visit: Visit, bucket: str, key: str) -> bool:
    return bool(_described(visit, "s3", "HeadObject", Bucket=bucket, Key=key))


def _described(visit: Visit, service: str, operation: str, **request: Any) -> dict[str, Any]:
    """Returns the response, {} if the resource does not exist. Raises AwsError on other errors."""
    try:
        return visit.client.aside(service, operation, **request)
    except AwsError as error:
        if error.status in {400, 404} and error.code not in {"AccessDeniedException", "AccessDenied"}:
            return {}
        raise
