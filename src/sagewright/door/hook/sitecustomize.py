"""Put on PYTHONPATH by `sagewright exec` and inside jobs; Python imports it at start. Standard library only, no side
effects until one of the modules below is imported.

- botocore: calls to AWS's STS host go to AWS_ENDPOINT_URL. The SageMaker SDKs give that host explicitly, which wins
  over AWS_ENDPOINT_URL; a handler of botocore's own event `before-sign` changes the address before it is signed.
- the SageMaker SDKs' telemetry: not sent. (Their own opt-out is a configuration file, which SDK v2 validates anew some 25
  times a call, for a second in all.)
- `torch.sagemaker`: found inside jobs; so are modules that scikit-learn had when the job's image was made.
- XGBoost inside jobs: boosters that old releases wrote can be read.
- the SageMaker SDKs and botocore's waiters: their sleeps between polls start short and grow (SAGEWRIGHT_FAST_WAITS=0
  leaves them as they are).
"""

import gc
import importlib
import importlib.machinery
import os
import sys

STS_HOST = r"sts(-fips)?(\.[a-z0-9-]+)?\.(amazonaws\.com(\.cn)?|api\.aws)"
FIRST_SLEEP_S = 0.02
GROWTH = 1.25
LONGEST_SLEEP_S = 1.0

# Modules whose own `time` is exchanged, and the seconds after which by their own clock they ask for a job's state again: a sleep
# counts as so many, however short it was (SDK v2 reads logs in each turn, and describes a job every 30 s).
SLEEPERS = {
    "botocore.waiter": 0.0,
    "sagemaker.session": 30.0,
    "sagemaker.core.resources": 0.0,
    "sagemaker.core.helper.session_helper": 30.0,
    "sagemaker.core.processing": 0.0,
    "sagemaker.core.transformer": 0.0,
    "sagemaker.train.common_utils.trainer_wait": 0.0,
    "sagemaker.train.common_utils.job_wait": 0.0,
    "sagemaker.train.tuner": 0.0,
}


# Modules that report each call to AWS, and the functions that do it.
TELEMETRY = {
    "sagemaker.telemetry.telemetry_logging": ("_send_telemetry_request",),
    "sagemaker.core.telemetry.telemetry_logging": ("_send_telemetry_request", "_send_telemetry_request_sync"),
    "sagemaker.serve.utils.telemetry_logger": ("_send_telemetry",),
}
WATCHED = {"botocore.handlers", "xgboost.core", *SLEEPERS, *TELEMETRY}


class ShortSleeps:
    """Stands in for the module `time` in a module that polls: a loop's first sleeps are short, later ones longer.

    `poll_s`: how much a sleep counts for at least on the module's clock; 0.0 if its clock is left alone.
    """

    def __init__(self, real, poll_s):
        self._real = real
        self._poll_s = poll_s
        self._skipped = 0.0
        self._loop = (0, 0)
        self._turn = 0
        self._frozen = False

    def __getattr__(self, name):
        return getattr(self._real, name)

    def time(self):
        return self._real.time() + self._skipped

    def sleep(self, seconds):
        if not self._frozen:
            # What was imported stays: a full collection of all that costs 0.2 s, in the middle of a short wait.
            gc.freeze()
            self._frozen = True
        frame = sys._getframe(1)
        if frame.f_locals.get("timeout") and self._poll_s:
            self._real.sleep(seconds)  # a limit measured by this clock must not come early
            return
        short = self._short(seconds, frame)
        self._real.sleep(short)
        if self._poll_s:
            self._skipped += max(seconds, self._poll_s) - short

    def _short(self, seconds, frame):
        loop = (id(frame), id(frame.f_code))
        self._turn = self._turn + 1 if loop == self._loop else 0
        self._loop = loop
        if ended(frame):
            return 0.0
        longest = LONGEST_SLEEP_S if frame.f_globals.get("__name__") != "botocore.waiter" else seconds
        return min(seconds, longest, FIRST_SLEEP_S * GROWTH ** min(self._turn, 60))


def ended(frame):
    """Whether a loop of SDK v2 knows that its job has ended, and waits for its last log lines. Here they come first."""
    states = frame.f_globals.get("LogState")
    return states is not None and frame.f_locals.get("state") == getattr(states, "JOB_COMPLETE", states)


def redirect_sts(request, **_):
    """Handler of botocore's `before-sign.sts`: the request goes to AWS_ENDPOINT_URL."""
    import re
    from urllib.parse import urlsplit, urlunsplit

    endpoint = os.environ.get("AWS_ENDPOINT_URL_STS") or os.environ.get("AWS_ENDPOINT_URL")
    parts = urlsplit(request.url)
    if endpoint and re.fullmatch(STS_HOST, parts.hostname or ""):
        target = urlsplit(endpoint)
        request.url = urlunsplit((target.scheme, target.netloc, parts.path or "/", parts.query, ""))


def send_nothing(*_, **__):
    """Stands in for the functions that send telemetry."""


def accept_old_boosters(module):
    """Called with `xgboost.core`."""
    try:
        reader = importlib.import_module("sagewright.algorithms.xgboost.oldscripts")
    except ImportError:  # `sagewright exec` has no packages for jobs
        return
    reader.accept_old(module)


def prepare(module):
    """Called once a watched module has been executed."""
    if module.__name__ == "botocore.handlers":
        module.BUILTIN_HANDLERS.append(("before-sign.sts", redirect_sts))
    elif module.__name__ == "xgboost.core":
        accept_old_boosters(module)
    elif module.__name__ in TELEMETRY:
        for name in TELEMETRY[module.__name__]:
            if hasattr(module, name):
                setattr(module, name, send_nothing)
    elif os.environ.get("SAGEWRIGHT_FAST_WAITS", "1") != "0" and hasattr(module, "time"):
        module.time = ShortSleeps(module.time, SLEEPERS[module.__name__])


class Loader:
    """Runs another loader, then `prepare`."""

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
    """`torch.sagemaker`, AWS's model parallel library, is inside PyTorch by its name and beside this file by its place.
    sagewright.toolkit knows the modules that a newer scikit-learn has by other names."""

    def find_spec(self, name, _path=None, _target=None):
        if name.startswith("sklearn.") and os.environ.get("SAGEWRIGHT_OLD_NAMES"):
            return importlib.import_module("sagewright.toolkit.oldnames").find_spec(name)
        if name != "torch.sagemaker":
            return None
        from importlib.util import spec_from_file_location

        place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_sagemaker")
        start = os.path.join(place, "__init__.py")
        if not os.path.isfile(start):  # `sagewright exec` has no packages for jobs
            return None
        return spec_from_file_location(name, start, submodule_search_locations=[place])


class Finder:
    """Finds watched modules where Python finds them anyway, and wraps their loader.

    `fresh`: the names of the modules, and the path, of a Python that has run nothing yet: see sagewright.toolkit.twin.
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
    """Run the sitecustomize that this one hides, if there is one."""
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
    chain()  # which fails where the other one does: then this module is forgotten
finally:
    FINDER.fresh = (list(sys.modules), list(sys.path))
