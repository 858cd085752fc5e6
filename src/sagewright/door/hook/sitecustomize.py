"""Put on PYTHONPATH by `sagewright exec` and inside jobs; Python imports it at start. Standard library only, no side effects until
one of the modules below is imported.

- botocore: calls to AWS's STS host go to AWS_ENDPOINT_URL. The SageMaker SDKs give that host explicitly, which takes precedence
  over AWS_ENDPOINT_URL; a handler of botocore's event `before-sign` changes the address before it is signed.
- botocore before 1.31, which does not know AWS_ENDPOINT_URL: its clients get that endpoint, so that none calls AWS.
- the SageMaker SDKs' telemetry: not sent. (Their own opt-out is a configuration file, which SDK v2 validates about 25
  times per call, for a second in all.)
- the SageMaker SDKs' `@remote` and `@step`: without an image they refuse any Python but 3.8 and 3.10. Here their default image has
  the program's own Python, since functions are sent pickled, unless SAGEMAKER_INTERNAL_IMAGE_URI names another.
- `torch.sagemaker`: found inside jobs; so are modules that scikit-learn had when the job's image was made.
- XGBoost inside jobs: boosters written by old releases can be read.
- the SageMaker SDKs and botocore's waiters: they poll early and often (SAGEWRIGHT_FAST_WAITS=0 leaves them unchanged). A
  wait can end earlier, but has no other result: an attempt still takes its delay unless its response decides, and a loop that
  measures its timeout by the clock sees the times at which it would have polled by itself.
"""

import _thread  # threading would be imported in each program
import gc
import importlib
import importlib.machinery
import os
import sys
import time

STS_HOST = r"sts(-fips)?(\.[a-z0-9-]+)?\.(amazonaws\.com(\.cn)?|api\.aws)"
FIRST_SLEEP_S = 0.02
GROWTH = 1.25
LONGEST_SLEEP_S = 1.0
OFF = {"0", "false", "no", "off"}

# Modules whose `time` is replaced, with the seconds by their own clock after which they poll a job's state again: a sleep counts as
# that long, however short it was (SDK v2 reads logs in each iteration, and describes a job every 30 s). None: only the sleeps of
# the functions in WAITS are shortened.
SLEEPERS = {
    "sagemaker.core.common_utils": None,
    "sagemaker.session": 30.0,
    "sagemaker.core.resources": 0.0,
    "sagemaker.core.helper.session_helper": 30.0,
    "sagemaker.core.processing": 0.0,
    "sagemaker.core.transformer": 0.0,
    "sagemaker.train.common_utils.trainer_wait": 0.0,
    "sagemaker.train.common_utils.job_wait": 0.0,
    "sagemaker.train.tuner": 0.0,
}


# Modules that report each call to AWS, with their reporting functions.
TELEMETRY = {
    "sagemaker.telemetry.telemetry_logging": ("_send_telemetry_request",),
    "sagemaker.core.telemetry.telemetry_logging": ("_send_telemetry_request", "_send_telemetry_request_sync"),
    "sagemaker.serve.utils.telemetry_logger": ("_send_telemetry",),
}
WAITERS = {"botocore.waiter", "awscli.botocore.waiter"}
REMOTE = {"sagemaker.remote_function.job", "sagemaker.core.remote_function.job"}
IMAGE = "236514542706.dkr.ecr.us-east-1.amazonaws.com/sagemaker-base-python:py{}{}"
WATCHED = {"botocore.handlers", "botocore.session", "xgboost.core", *WAITERS, *SLEEPERS, *TELEMETRY, *REMOTE}


def not_none(result):
    return result is not None


def finished_second(result):
    """Returns True if a callable of `_wait_until_training_done` found its job ended: the second element of its result."""
    return bool(result[1])


# Functions that call their first argument until it decides, sleep before each call, and count sleeps towards a limit. For each: the
# check of a result, the parameter with the seconds between calls, and its default.
WAITS = {
    "_wait_until": (not_none, 1, 5),
    "_wait_until_training_done": (finished_second, 2, 5),
}
EARLY = _thread._local()
"""`EARLY.call` is True in a thread during a call that the loop would not have made by itself."""


def short_sleep(seconds, turn):
    return max(0.0, min(seconds, LONGEST_SLEEP_S, FIRST_SLEEP_S * GROWTH ** min(turn, 60)))


def keep_imports():
    """Excludes imported objects from garbage collection: a full collection would cost 0.2 s in the middle of a short wait."""
    if not hasattr(EARLY, "call"):
        EARLY.call = False
        gc.freeze()


class Attempts:
    """The attempts of a loop that sleeps `delay_s` before each, made early and often.

    An attempt ends before its time only if a response decides. Errors of an early call are ignored: it is repeated, at the latest
    when the loop would have called by itself.
    """

    def __init__(self, delay_s):
        self._delay_s = delay_s
        self._turn = 0
        keep_imports()

    def make(self, call, decides):
        due = time.monotonic() + self._delay_s
        while True:
            left = due - time.monotonic()
            time.sleep(short_sleep(left, self._turn))
            self._turn += 1
            if time.monotonic() >= due:
                return call()
            EARLY.call = True
            try:
                result = call()
                if decides(result):
                    return result
            except Exception:  # noqa: S112
                continue
            finally:
                EARLY.call = False


def is_delay(value):
    """Returns True for a valid number of seconds; the loop itself reports anything else."""
    return isinstance(value, int | float) and 0 < value < _thread.TIMEOUT_MAX


def patient_waiter(wait):
    """Wraps `Waiter.wait` of botocore, whose loop no longer sleeps: the polled operation takes each attempt's delay instead."""
    import copy
    import functools

    @functools.wraps(wait)
    def waiting(self, **kwargs):
        config = kwargs.get("WaiterConfig", {})
        delay_s = config.get("Delay", self.config.delay)
        if not is_delay(delay_s):
            return wait(self, **kwargs)
        acceptors = list(self.config.acceptors)
        attempts, operation, called = Attempts(delay_s), self._operation_method, []

        def decides(response):
            state = next((each.state for each in acceptors if each.matcher_func(response)), "retry")
            return state != "retry"

        def attempt(**arguments):
            if called:
                return attempts.make(lambda: operation(**arguments), decides)
            called.append(True)
            return operation(**arguments)

        patient = copy.copy(self)
        patient._operation_method = attempt
        return wait(patient, **{**kwargs, "WaiterConfig": {**config, "Delay": 0}})

    return waiting


def patient_wait(wait, decides, place, default):
    """Wraps `wait`, a function of WAITS, so that its callable takes the delay between the calls."""
    import functools

    @functools.wraps(wait)
    def waiting(callable_fn, *args, **kwargs):
        delay_s = kwargs.get("poll", args[place - 1] if len(args) >= place else default)
        if not is_delay(delay_s):
            return wait(callable_fn, *args, **kwargs)
        attempts = Attempts(delay_s)

        def attempt(*arguments):
            last = list(arguments)

            def call():
                result = callable_fn(*last)
                if last:
                    last[0] = result[0]
                return result

            return attempts.make(call, decides)

        return wait(attempt, *args, **kwargs)

    waiting.sagewright = True
    return waiting


def uncounted(miss):
    """Wraps `_EndpointNotFoundBudget.miss` of SDK v3, which counts polls: early ones don't count."""

    def missing(self, error):
        if not getattr(EARLY, "call", False):
            miss(self, error)

    return missing


class Loop:
    """A loop that sleeps: the time at which its current sleep began, and at which it would have ended.

    Keeps the frame until the thread's next loop; otherwise another frame could get its address.
    """

    def __init__(self, frame):
        self.frame = frame
        self.turn = 0
        self.began = self.due = 0.0
        self.early = False


class ShortSleeps:
    """Replaces the module `time` in a module that polls: a loop's first sleeps are short, later ones longer.

    `poll_s`: the minimum duration of a sleep by the module's clock. With 0.0 the clock stands still for a loop from a sleep's
    beginning until its seconds have passed, so that a timeout is noticed when the loop would have polled by itself.
    """

    def __init__(self, real, poll_s):
        self._real = real
        self._poll_s = poll_s
        self._skipped = 0.0
        self._loops = _thread._local()

    def __getattr__(self, name):
        return getattr(self._real, name)

    def time(self):
        loop = self._loop(sys._getframe(1))
        return loop.began if loop is not None and loop.early else self._real.time() + self._skipped

    def sleep(self, seconds):
        keep_imports()
        frame = sys._getframe(1)
        wait = WAITS.get(frame.f_code.co_name)
        if wait is not None and getattr(frame.f_globals.get(frame.f_code.co_name), "sagewright", False):
            return  # its callable takes the delay
        if self._poll_s is None or not is_delay(seconds) or (frame.f_locals.get("timeout") and self._poll_s):
            self._real.sleep(seconds)  # a limit measured by this clock must not be reached early
            return
        loop = self._loop(frame)
        if loop is None:
            loop = self._loops.last = Loop(frame)
        if self._poll_s:
            self._skip(seconds, frame, loop)
        else:
            self._turn(seconds, loop)

    def _loop(self, frame):
        loop = getattr(self._loops, "last", None)
        return loop if loop is not None and loop.frame is frame else None

    def _skip(self, seconds, frame, loop):
        short = 0.0 if ended(frame) else short_sleep(seconds, loop.turn)
        loop.turn += 1
        self._real.sleep(short)
        self._skipped += max(seconds, self._poll_s) - short

    def _turn(self, seconds, loop):
        """Sleeps for a part of the seconds; the rest follows when the loop, which saw no change, sleeps again."""
        now = self._real.time()
        if not loop.early:
            loop.began, loop.due, loop.early = now, now + seconds, True
        self._real.sleep(short_sleep(loop.due - now, loop.turn))
        loop.turn += 1
        loop.early = self._real.time() < loop.due


def ended(frame):
    """Returns True if a loop of SDK v2 knows that its job has ended, and waits for the last log lines. Here they arrive first."""
    states = frame.f_globals.get("LogState")
    return states is not None and frame.f_locals.get("state") == getattr(states, "JOB_COMPLETE", states)


def redirect_sts(request, **_):
    """Handles botocore's `before-sign.sts`: sends the request to AWS_ENDPOINT_URL."""
    import re
    from urllib.parse import urlsplit, urlunsplit

    endpoint = os.environ.get("AWS_ENDPOINT_URL_STS") or os.environ.get("AWS_ENDPOINT_URL")
    parts = urlsplit(request.url)
    if endpoint and re.fullmatch(STS_HOST, parts.hostname or ""):
        target = urlsplit(endpoint)
        request.url = urlunsplit((target.scheme, target.netloc, parts.path or "/", parts.query, ""))


def with_endpoint(create_client):
    """Wraps `Session.create_client` of botocore, so that it uses the environment's endpoint unless the caller passes one."""
    import functools

    @functools.wraps(create_client)
    def creating(self, service_name, *args, **kwargs):
        name = "AWS_ENDPOINT_URL_" + service_name.upper().replace("-", "_")
        endpoint = os.environ.get(name) or os.environ.get("AWS_ENDPOINT_URL")
        if endpoint and len(args) < 5 and kwargs.get("endpoint_url") is None:  # the sixth parameter
            kwargs["endpoint_url"] = endpoint
        return create_client(self, service_name, *args, **kwargs)

    return creating


def name_endpoint(module):
    """Patches `botocore.session`."""
    if not hasattr(sys.modules.get("botocore.configprovider"), "ConfiguredEndpointProvider"):  # since 1.31
        module.Session.create_client = with_endpoint(module.Session.create_client)


def send_nothing(*_, **__):
    """Replaces the functions that send telemetry."""


def accept_old_boosters(module):
    """Patches `xgboost.core`."""
    try:
        reader = importlib.import_module("sagewright.algorithms.xgboost.oldscripts")
    except ImportError:  # `sagewright exec` has no packages of jobs
        return
    reader.accept_old(module)


def prepare(module):
    """Patches a watched module after it has been executed."""
    if module.__name__ == "botocore.handlers":
        module.BUILTIN_HANDLERS.append(("before-sign.sts", redirect_sts))
    elif module.__name__ == "botocore.session":
        name_endpoint(module)
    elif module.__name__ == "xgboost.core":
        accept_old_boosters(module)
    elif module.__name__ in REMOTE:
        os.environ.setdefault("SAGEMAKER_INTERNAL_IMAGE_URI", IMAGE.format(*sys.version_info[:2]))
    elif module.__name__ in TELEMETRY:
        for name in TELEMETRY[module.__name__]:
            if hasattr(module, name):
                setattr(module, name, send_nothing)
    elif os.environ.get("SAGEWRIGHT_FAST_WAITS", "1").strip().lower() not in OFF:
        hasten(module)


def hasten(module):
    """Makes a module poll early and often."""
    if module.__name__ in WAITERS:
        module.Waiter.wait = patient_waiter(module.Waiter.wait)
        return
    if not hasattr(module, "time"):
        return
    module.time = ShortSleeps(module.time, SLEEPERS[module.__name__])
    for name, (decides, place, default) in WAITS.items():
        if hasattr(module, name):
            setattr(module, name, patient_wait(getattr(module, name), decides, place, default))
    budget = getattr(module, "_EndpointNotFoundBudget", None)
    if budget is not None:
        budget.miss = uncounted(budget.miss)


class Loader:
    """A loader that runs another loader, then `prepare`."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def create_module(self, spec):
        return self._inner.create_module(spec)

    def exec_module(self, module):
        self._inner.exec_module(module)
        prepare(module)


class OwnNames:
    """Finds `torch.sagemaker`, AWS's model parallel library, which is part of PyTorch by name, but is next to this file. Also
    finds modules that a newer scikit-learn has renamed, through sagewright.toolkit."""

    def find_spec(self, name, _path=None, _target=None):
        if name.startswith("sklearn.") and os.environ.get("SAGEWRIGHT_OLD_NAMES"):
            return importlib.import_module("sagewright.toolkit.oldnames").find_spec(name)
        if name != "torch.sagemaker":
            return None
        from importlib.util import spec_from_file_location

        place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_sagemaker")
        start = os.path.join(place, "__init__.py")
        if not os.path.isfile(start):  # `sagewright exec` has no packages of jobs
            return None
        return spec_from_file_location(name, start, submodule_search_locations=[place])


class Finder:
    """Finds watched modules as Python would, and wraps their loaders.

    `fresh`: names of the modules, and the path, of a Python that has run nothing yet: see sagewright.toolkit.ahead.twin.
    """

    fresh = ([], [])

    def find_spec(self, name, path=None, target=None):
        if name not in WATCHED:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec = find(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = Loader(spec.loader)
                return spec
        return None


def chain():
    """Runs the sitecustomize that this one hides, if any."""
    here = os.path.dirname(os.path.abspath(__file__))
    places = [p for p in sys.path if os.path.abspath(p or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", places)
    if spec is not None and spec.loader is not None:
        from importlib.util import module_from_spec

        module = module_from_spec(spec)
        spec.loader.exec_module(module)


FINDER = Finder()
sys.meta_path.insert(0, FINDER)
sys.meta_path.append(OwnNames())
try:
    chain()  # fails if the other one does: then this module is dropped
finally:
    FINDER.fresh = (list(sys.modules), list(sys.path))
