"""One pass over a tuning job: observes its training jobs, carries out the loop's decisions, and ends the job when it is over."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sagewright.engine.calls import OperationRequest, Owner
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.pipelines.steps.tracking import config_of_owner
from sagewright.engine.tuning import trials
from sagewright.engine.tuning.trials import ObjectiveStatus, TrialRecord
from sagewright.engine.tuning.tuning_documents import TuningDocument
from sagewright.kinds.base import MAX_FAILURE, OWNER
from sagewright.kinds.tuning import KIND, RESOURCE, Child, TrainingDefinition, TuningPlan, child_request
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.jobs.brief import FaultClass
from sagewright.model.jobs.state_machines import Status
from sagewright.store.resources import resources, tags
from sagewright.store.resources.resources import Resource
from sagewright.tuning.client import SearchFailed
from sagewright.tuning.loop import Over, Rules, Standing, standing, step
from sagewright.tuning.minds import Deciding
from sagewright.tuning.study import Trial, whole_curves
from sagewright.tuning.suggestion import Suggestion

LIMIT_EXCEEDED = "ResourceLimitExceeded"
log = logging.getLogger("sagewright.engine.tuning.reconciler")
GIVE_UP_AFTER = 5
"""Failed training jobs before any success after which the tuning job ends. Source: the service's FailureReason, "... after 5
attempts"."""
MOST_RETRIES = 3
"""Maximum retries of a trial whose hosts could not be started."""
MOST_SEARCHES = 5
"""Consecutive failed searches after which the tuning job fails."""
SEARCH_PAUSE_MS = 2000
STOPPING_MS = 2000
"""Minimum time for which a tuning job is Stopping. Source: SDK v2's test_stop_tuning_job describes it right after the stop."""


@dataclass
class TuningProgress:
    """In-memory state of a tuning job, all of which can be read again. `records`: by number; `parents`: by definition; `searches`:
    number of consecutive failed searches; `search_at_ms`: when the search is tried again."""

    plan: TuningPlan
    records: dict[int, TrialRecord] = field(default_factory=dict)
    parents: dict[str, tuple[Trial, ...]] = field(default_factory=dict)
    asked_to_stop: set[int] = field(default_factory=set)
    made: set[int] = field(default_factory=set)
    searches: int = 0
    search_at_ms: int = 0

    def live(self) -> list[TrialRecord]:
        return [one for one in self.records.values() if not one.over]

    def tried(self) -> list[TrialRecord]:
        return [one for one in self.records.values() if not one.retried]

    def own(self, definition: TrainingDefinition) -> list[TrialRecord]:
        return [one for one in self.tried() if one.definition == definition.name]


class TuningPass:
    """One reconciliation pass over one tuning job."""

    def __init__(
        self, dependencies: Dependencies, searchers: Deciding, tuner: Resource, progress: TuningProgress
    ) -> None:
        self._dependencies, self._searchers, self._tuner, self._progress = dependencies, searchers, tuner, progress
        self._plan = progress.plan

    def take(self) -> None:
        """Runs the pass. Raises trials.TrialOvertaken."""
        self._look()
        left_ms = self._left_ms()
        if self._tuner.status == Status.STOPPING:
            self._wind_up(Status.STOPPED)
        elif left_ms is not None and left_ms <= 0:
            self._wind_up(Status.COMPLETED)
        elif self._hopeless():
            self._wind_up(Status.FAILED, self._no_success())
        else:
            self._go_on()

    def _look(self) -> None:
        """Updates the records from their training jobs."""
        for record in self._progress.live():
            now = trials.seen(self._dependencies.store, self._tuner, record, self._plan.definition(record.definition))
            if now == record:
                continue
            again = now.over and _never_started(now) and self._retry(now)
            if again:
                now = replace(now, retried=True)
            self._progress.records[now.number] = now
            if now.over:
                trials.freeze(self._dependencies.store, self._tuner, now)
            if again:
                self._begin(again)

    def _retry(self, record: TrialRecord) -> TrialRecord | None:
        """Replaces the trial by another one with the next instance configuration."""
        if record.config >= MOST_RETRIES:
            return None
        number = self._next_number()
        return replace(
            TrialRecord(number, trials.name_of(self._tuner, number), record.definition, record.values),
            config=record.config + 1,
            continues=record.continues,
            until=record.until,
        )

    def _left_ms(self) -> int | None:
        limit_s = self._plan.max_runtime_s
        return None if limit_s is None else self._tuner.created_ms + limit_s * 1000 - now_ms()

    def _hopeless(self) -> bool:
        """True if the job should be given up: nothing has succeeded, and nothing is running that might."""
        tried = self._progress.tried()
        if any(one.objective == ObjectiveStatus.SUCCEEDED or (one.value is not None and not one.over) for one in tried):
            return False
        failed = sum(one.objective == ObjectiveStatus.FAILED for one in tried)
        if failed >= GIVE_UP_AFTER:
            return True
        most = self._plan.rules.most_trials
        return most is not None and failed >= most

    def _no_success(self) -> str:
        """Returns why there is no best training job: none emitted the objective metric, or all of them failed.

        Source: the service's FailureReason, as its users quote it.
        """
        ended = [one for one in self._progress.tried() if one.over]
        if any(one.status == Status.COMPLETED for one in ended):
            return (
                f"No objective metrics found after running {len(ended)} training jobs. Please ensure that the custom algorithm is "
                f"emitting the objective metric as defined by the regular expression provided. {self._never_found()}"
            )[:MAX_FAILURE]
        count = sum(one.status == Status.FAILED for one in ended) or len(ended)
        return (
            f"No training job succeeded after {count} attempts. For additional details, please take a look at the training "
            "job failures by listing training jobs for the hyperparameter tuning job."
        )

    def _never_found(self) -> str:
        """Names the objective metrics, their regexes and a job whose log can be compared with them."""
        completed = [one for one in self._progress.tried() if one.status == Status.COMPLETED]
        searched = dict.fromkeys(
            f"The metric {definition.objective.metric} was never found (regex {definition.regex[:200]!r})"
            for definition in self._plan.definitions
        )
        return f"{'. '.join(searched)} in the logs of {len(completed)} jobs. Compare: sagewright jobs logs {completed[-1].name}"

    def _go_on(self) -> None:
        for record in self._progress.live():  # another server may have written only their rows
            if record.created_ms is None and record.number not in self._progress.made:
                self._make(record)
        if now_ms() < self._progress.search_at_ms:
            return
        try:
            over = self._step()
            self._progress.searches = 0
        except SearchFailed as error:
            self._search_failed(error)
            return
        found = self._standing()
        self._note(found)
        if over is not None:
            self._wind_up(Status.COMPLETED, wait=over in WAITING)

    def _step(self) -> Over | None:
        """Stops and starts trials as the loop decides; returns why the job is over, if it is. Raises SearchFailed."""
        over = self._standing().over
        if over is not None:
            return over
        ended = [self._step_of(definition, room) for definition, room in self._rooms()]
        return ended[0] if all(ended) else None

    def _step_of(self, definition: TrainingDefinition, room: int) -> Over | None:
        """Returns why nothing more can be done for this definition, if that is so. Raises SearchFailed."""
        own = self._progress.own(definition)
        self._pause(own)
        known = [*self._progress.parents.get(definition.name, ()), *(one.trial() for one in own)]
        study = self._plan.study(self._tuner.id, definition)
        decided = step(study, self._rules_of(definition, own, room), known, self._searchers)
        for number in decided.stop:
            self._stop(self._progress.records[number])
        for suggestion in decided.start:
            self._begin(self._record_of(definition, suggestion))
        return decided.over

    def _rules_of(self, definition: TrainingDefinition, own: list[TrialRecord], room: int) -> Rules:
        """Returns the rules; with several definitions, this one's part of the rules for all."""
        rules = self._plan.rules
        if len(self._plan.definitions) == 1:
            return rules
        running = sum(not one.over for one in own)
        most = definition.space.size() if self._plan.strategy == "Grid" else len(own) + room
        return Rules(most_trials=most if rules.most_trials is not None else None, most_parallel=running + room)

    def _pause(self, own: list[TrialRecord]) -> None:
        """Pauses the trials that have reached their `until`."""
        curves = whole_curves([one.trial() for one in own])
        for record in own:
            if record.until is not None and len(curves[record.number]) >= record.until:
                self._stop(record)

    def _rooms(self) -> Iterator[tuple[TrainingDefinition, int]]:
        """Yields how many more training jobs each definition may start now; those that have had the fewest come first."""
        rules, tried = self._plan.rules, self._progress.tried()
        room = rules.most_parallel - len(self._progress.live())
        if rules.most_trials is not None:
            room = min(room, rules.most_trials - len(tried))
        counts = {one.name: len(self._progress.own(one)) for one in self._plan.definitions}
        given = dict.fromkeys(counts, 0)
        for _ in range(max(0, room)):
            least = min(counts, key=lambda name: counts[name])
            counts[least] += 1
            given[least] += 1
        yield from ((one, given[one.name]) for one in self._plan.definitions)

    def _standing(self) -> Standing:
        """Returns the standing of all definitions together; values are compared as far as they share the first one's direction."""
        first = self._plan.definitions[0]
        alike = [one for one in self._plan.definitions if one.objective.maximize == first.objective.maximize]
        own = [record for one in alike for record in self._progress.own(one)]
        known = [one.trial() for one in sorted(own, key=lambda one: one.number)]
        return standing(self._plan.study(self._tuner.id, first), self._plan.rules, known)

    def _record_of(self, definition: TrainingDefinition, suggestion: Suggestion) -> TrialRecord:
        number = self._next_number()
        return TrialRecord(
            number,
            trials.name_of(self._tuner, number),
            definition.name,
            dict(suggestion.values),
            continues=suggestion.continues,
            until=suggestion.until,
        )

    def _next_number(self) -> int:
        return max(self._progress.records, default=0) + 1

    def _begin(self, record: TrialRecord) -> None:
        """Begins a trial. Raises trials.TrialOvertaken if another server has begun that number."""
        trials.write(self._dependencies.store, self._tuner, record)
        self._progress.records[record.number] = record
        self._make(record)

    def _make(self, record: TrialRecord) -> None:
        definition = self._plan.definition(record.definition)
        arn = self._arn()
        pairs = [{"Key": key, "Value": value} for key, value in tags.of(self._dependencies.store, arn).items()]
        child = Child(record.name, record.values, record.config, self._checkpoints_of(record))
        request = child_request(definition, child, pairs)
        try:
            owner = self._tuner.document.get(OWNER) or {}
            if config := config_of_owner(self._dependencies.store, owner, partial(self._ask, definition)):
                request["ExperimentConfig"] = config
            self._ask(definition, "CreateTrainingJob", request, Owner(KIND, self._tuner.id, arn))
        except AwsError as error:
            if error.code == "ResourceInUse":  # created in an interrupted step
                self._progress.made.add(record.number)
            elif error.status >= 500 or error.code == LIMIT_EXCEEDED:  # others use what the limit allows
                log.warning("cannot create %s yet: %s", record.name, error.message)
            else:
                self._refused(record, error)
            return
        self._progress.made.add(record.number)

    def _refused(self, record: TrialRecord, error: AwsError) -> None:
        reason = f"{FaultClass.CLIENT}: {error.message}"[:1024]
        failed = replace(record, status=Status.FAILED, objective=ObjectiveStatus.FAILED, reason=reason)
        failed = replace(failed, created_ms=now_ms(), ended_ms=now_ms())
        self._progress.records[record.number] = failed
        trials.freeze(self._dependencies.store, self._tuner, failed)
        self._dependencies.wake_after(0, KIND, self._tuner.id)

    def _checkpoints_of(self, record: TrialRecord) -> str:
        """Returns the name of the first training job of a chain; the whole chain shares its checkpoints."""
        if record.continues is None:
            return ""
        before = self._progress.records[record.continues]
        return self._checkpoints_of(before) or before.name

    def _stop(self, record: TrialRecord) -> None:
        if record.over or record.number in self._progress.asked_to_stop:
            return
        definition = self._plan.definition(record.definition)
        try:
            self._ask(definition, "StopTrainingJob", {"TrainingJobName": record.name})
        except AwsError as error:  # it has ended, or does not exist yet
            log.info("%s is not stopped: %s", record.name, error.message)
            return
        self._progress.asked_to_stop.add(record.number)

    def _ask(
        self, definition: TrainingDefinition, operation: str, request: dict[str, Any], owner: Owner | None = None
    ) -> dict[str, Any]:
        return self._dependencies.call(
            OperationRequest(
                definition.role, "sagemaker", operation, request, owner, self._tuner.region, by_service=True
            )
        )

    def _arn(self) -> str:
        return sagemaker_arn(self._tuner.region, self._tuner.account, RESOURCE, self._tuner.name)

    def _search_failed(self, error: SearchFailed) -> None:
        self._progress.searches += 1
        log.warning("tuning job %s: %s", self._tuner.name, error)
        if self._progress.searches >= MOST_SEARCHES:
            self._wind_up(
                Status.FAILED, f"{FaultClass.INTERNAL}: The search for hyperparameters failed: {error}"[:1024]
            )
        else:
            self._progress.search_at_ms = now_ms() + SEARCH_PAUSE_MS
            self._dependencies.wake_after(SEARCH_PAUSE_MS / 1000, KIND, self._tuner.id)

    def _wind_up(self, status: Status, reason: str = "", wait: bool = False) -> None:
        """Ends the tuning job once none of its training jobs runs; stops them unless `wait` is set."""
        live = self._progress.live()
        if live and not wait:
            for record in live:
                if record.created_ms is None and record.number not in self._progress.made:
                    self._refused(
                        record, AwsError("Stopped", "The tuning job ended before this training job was created.")
                    )
                else:
                    self._stop(record)
        if live or (status == Status.STOPPED and self._stops_later()):
            return
        self._note(self._standing())
        ended = {"EndedMs": now_ms()} | ({"FailureReason": reason} if reason else {})
        if status == Status.COMPLETED and not any(one.value is not None for one in self._progress.tried()):
            status, ended = Status.FAILED, ended | {"FailureReason": reason or self._no_success()}
        resources.alter(
            self._dependencies.store,
            self._tuner.id,
            lambda one: (
                None
                if one.status != self._tuner.status
                else replace(one, status=status, document={**one.document, **ended})
            ),
        )
        if owner := self._tuner.document.get(OWNER):
            self._dependencies.wake_after(0, owner["Kind"], owner["Id"])

    def _stops_later(self) -> bool:
        """True if clients must still see the job as Stopping: they describe it right after stopping it."""
        left_ms: int = TuningDocument.read(self._tuner.document).stop_ms + STOPPING_MS - now_ms()
        if left_ms > 0:
            self._dependencies.wake_after(left_ms / 1000, KIND, self._tuner.id)
        return left_ms > 0

    def _note(self, found: Standing) -> None:
        """Stores what Describe reports about the search as a whole."""
        described: dict[str, Any] = {"NotImproving": found.not_improving}
        if found.best is not None:
            described["Best"] = found.best
        if found.converged and TuningDocument.read(self._tuner.document).converged_ms is None:
            described["ConvergedMs"] = now_ms()
        if all(self._tuner.document.get(name) == value for name, value in described.items()):
            return
        changed = resources.alter(
            self._dependencies.store, self._tuner.id, lambda one: replace(one, document={**one.document, **described})
        )
        self._tuner = changed or self._tuner


WAITING = frozenset({Over.TRIALS, Over.SPACE})
"""Reasons that end a tuning job without ending its training jobs."""


def _never_started(record: TrialRecord) -> bool:
    return (
        record.status == Status.FAILED
        and record.started_ms is None
        and (record.reason or "").startswith(FaultClass.INTERNAL)
    )
