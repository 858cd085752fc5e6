"""Run all wait loops of the clients that this Python has, by a clock of its own, once as they are and once hastened by the hook.

Started with SAGEWRIGHT_FAST_WAITS=0 and the hook on its path; prints how many waits it compared and what differed.
"""

import contextlib
import importlib
import inspect
import itertools
import json
import logging
import re
import sys
import time
from pathlib import Path

HOOK = next(vars(type(one))["find_spec"].__globals__ for one in sys.meta_path if type(one).__name__ == "Finder")
"""The hook's names; Python may have forgotten the module itself, see its `chain`."""
CONFIGS = (
    {},
    {"Delay": 10, "MaxAttempts": 6},
    {"Delay": 20, "MaxAttempts": 20},
    {"Delay": 7, "MaxAttempts": 1},
    {"Delay": 0},
)
MOMENTS = (0.0, 0.4, 1.0, 1.5, 3.9)
"""When what is waited for happens, in delays."""


class Clock:
    now = 1e9

    def sleep(self, seconds):
        self.now += seconds

    def read(self):
        return self.now


CLOCK = Clock()


def outcome(call):
    began = CLOCK.now
    try:
        result = repr(call())
    except Exception as error:
        result = f"{type(error).__name__}: {error}"
    return result, CLOCK.now - began


class Fate:
    """The awaited condition: true from `at_s` on; before that, some early calls fail."""

    def __init__(self, at_s):
        self.at_s, self.began, self.calls = at_s, CLOCK.now, 0

    @property
    def come(self):
        return CLOCK.now - self.began >= self.at_s


def waiters():
    """(name, waiter class, delay, attempts, acceptors' states) of every waiter that this Python's models have, each kind once."""
    seen = set()
    for module in ("botocore", "awscli.botocore"):
        with contextlib.suppress(ImportError):
            package = importlib.import_module(module)
            waiting = importlib.import_module(f"{module}.waiter")
            for path in sorted(Path(package.__file__).parent.glob("data/*/*/waiters-2.json")):
                for config in json.loads(path.read_text())["waiters"].values():
                    kind = (module, config["delay"], config["maxAttempts"], *(a["state"] for a in config["acceptors"]))
                    if kind not in seen:
                        seen.add(kind)
                        yield waiting, kind


class Acceptor:
    def __init__(self, state):
        self.state, self.explanation = state, f"the answer says {state}"

    def matcher_func(self, response):
        return response.get("state") == self.state


class Config:
    def __init__(self, delay, attempts, states):
        self.delay, self.max_attempts, self.acceptors = delay, attempts, [Acceptor(state) for state in states]


def wait_for(waiting, kind, config, end, at_s):
    _, delay, attempts, *states = kind
    fate = Fate(at_s)

    def operation(**_):
        if getattr(HOOK["EARLY"], "call", False) and not fate.come:
            fate.calls += 1
            if fate.calls % 3 == 0:
                raise ConnectionError("between two attempts")
            if fate.calls % 3 == 1:
                return {"Error": {"Code": "Throttling"}, "ResponseMetadata": {}}
        error = {"Error": {"Code": "Odd", "Message": "m"}, "ResponseMetadata": {}}
        return ({"state": end} if end != "error" else error) if fate.come else {"state": "retry"}

    waiter = waiting.Waiter("thing", Config(delay, attempts, states), operation)
    return outcome(lambda: waiter.wait(WaiterConfig=dict(config)))


def of_waiters():
    for waiting, kind in waiters():
        for config in CONFIGS:
            delay, attempts = config.get("Delay", kind[1]), config.get("MaxAttempts", kind[2])
            moments = [delay * each for each in (*MOMENTS, attempts - 1.5, attempts - 0.9)]
            for end in ("success", "failure", "error"):
                for at_s in moments:
                    yield (
                        (kind, config, end, at_s),
                        lambda w=waiting, k=kind, c=config, e=end, t=at_s: wait_for(w, k, c, e, t),
                    )


def refused(code):
    from botocore.exceptions import ClientError

    return ClientError({"Error": {"Code": code, "Message": "m"}}, "Describe")


def of_functions(name):
    module = importlib.import_module(name)
    for poll in (5, 30):
        for at_s in (0, 12, 299, 330, 1000):
            for before in (None, "AccessDeniedException", "ValidationException"):

                def status(*_, fate=None, before=before):
                    if fate.come:
                        return {"Status": "Done"}
                    if before:
                        raise refused(before)
                    return None

                def until(poll=poll, at_s=at_s, status=status):
                    fate = Fate(at_s)
                    return outcome(lambda: module._wait_until(lambda: status(fate=fate), poll))

                def done(poll=poll, at_s=at_s, status=status):
                    fate = Fate(at_s)

                    def call(desc):
                        found = status(fate=fate)
                        return {"seen": desc["seen"] + 1}, found is not None

                    result, took = outcome(lambda: module._wait_until_training_done(call, {"seen": 0}, poll))
                    return re.sub(r"\d+", "n", result), took

                yield (name, "until", poll, at_s, before), until
                if hasattr(module, "_wait_until_training_done"):
                    yield (name, "done", poll, at_s, before), done


class Unseen:
    """Imitates rich's status line, which is set in each turn."""

    def update(self, _text):
        pass


def of_resources(name):
    module = importlib.import_module(name)
    module.Live = lambda *_, **__: contextlib.nullcontext()  # whose thread is waited for at each end
    module.Status = lambda *_, **__: Unseen()
    for each, resource in inspect.getmembers(module, inspect.isclass):
        for way in ("wait", "wait_for_status", "wait_for_delete"):
            method = vars(resource).get(way)
            found = method and re.search(r"current_status = self\.(\w+)$", inspect.getsource(method), re.MULTILINE)
            if not found:
                continue
            for at_s, timeout in ((3, 60), (43, 40), (58, 40), (90, 40), (1, 0)):
                ends = re.search(r"terminal_states = \[\W*(\w+)", inspect.getsource(method))
                end = ends[1] if ends else "InService"

                def call(each=(resource, method, way, at_s, timeout, found[1], end)):
                    resource, method, way, at_s, timeout, state, end = each
                    fate, thing = Fate(at_s), resource.model_construct()
                    resource.refresh = lambda self, *_: object.__setattr__(
                        self, state, end if fate.come else "Creating"
                    )
                    first = () if way != "wait_for_status" else ("InService",)
                    return outcome(lambda: method(thing, *first, poll=20, timeout=timeout))

                if way != "wait_for_delete":
                    yield (name, each, way, at_s, timeout), call


def cases(step):
    """Every `step`-th waiter; those of one kind are alike."""
    yield from itertools.islice(of_waiters(), 0, None, step)
    for name in ("sagemaker.session", "sagemaker.core.helper.session_helper", "sagemaker.core.common_utils"):
        with contextlib.suppress(ImportError):
            yield from of_functions(name)
    for name in ("sagemaker_core.main.resources", "sagemaker.core.resources"):
        with contextlib.suppress(ImportError):
            yield from of_resources(name)


def main():
    chosen = list(cases(int(sys.argv[1])))
    time.sleep, time.time, time.monotonic = CLOCK.sleep, CLOCK.read, CLOCK.read
    logging.disable()
    plain = [call() for _, call in chosen]
    for name in [name for name in sys.modules if name in HOOK["WATCHED"]]:
        if name != "botocore.handlers" and name not in HOOK["TELEMETRY"]:
            HOOK["hasten"](sys.modules[name])
    differing = []
    for (name, call), (result, took) in zip(chosen, plain, strict=True):
        fast, fast_took = call()
        if fast != result or fast_took > took + 1e-3:
            differing.append([repr(name), result, took, fast, fast_took])
    print(json.dumps({"compared": len(chosen), "differing": differing[:20]}), file=sys.stderr)


main()
