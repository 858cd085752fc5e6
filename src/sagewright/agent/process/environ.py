"""The environment variables of the user's process."""

from __future__ import annotations

from collections.abc import Mapping

from sagewright.agent.hostfile import HostFile
from sagewright.runtimes.pipconfig import PipSources

SPIN = "GOMP_SPINCOUNT"
SPINS = "1000"
"""Spin count of a thread that waits for the others of its parallel region, before it blocks. By default OpenMP's threads spin for
milliseconds: with one busy core, scikit-learn, PyTorch and XGBoost then trained 4 to 20 times slower (bench/spinning.py)."""
WEIGHTS = "SAGEWRIGHT_WEIGHTS_FROM_NETWORK"
_OWN_POLICY = ("OMP_WAIT_POLICY", SPIN)


def environment_variables(host: HostFile, sources: PipSources) -> dict[str, str]:
    """Returns the variables of an environment that is made here. A custom image has its own variables instead."""
    environ = {
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": str(host.cpus),
        SPIN: SPINS,
        "PIP_ROOT_USER_ACTION": "ignore",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        **sources.pip_environment(),
    }
    if host.gpu_indexes is not None:  # restricts CUDA to these GPUs
        environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, host.gpu_indexes))
    if host.weights_from_network and not host.isolated:
        environ[WEIGHTS] = host.weights_from_network
    if sources.certificates:
        environ["SSL_CERT_FILE"] = sources.certificates
    return environ


def job_environ(host: HostFile, defaults: Mapping[str, str]) -> dict[str, str]:
    """Returns all variables except the sandbox's (PATH, HOME, PYTHONPATH …). The request's Environment overrides the defaults, and
    SageMaker's own variables override both."""
    if any(name in host.brief.environment for name in _OWN_POLICY):
        defaults = {name: value for name, value in defaults.items() if name != SPIN}
    environ = {**defaults, "AWS_REGION": host.region, "AWS_DEFAULT_REGION": host.region}
    if not host.isolated:
        own = host.credentials
        environ |= {
            "AWS_ENDPOINT_URL": host.endpoint,
            "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": host.endpoint,
            "AWS_ACCESS_KEY_ID": own.access_key_id,
            "AWS_SECRET_ACCESS_KEY": own.secret_access_key,
            "AWS_SESSION_TOKEN": own.session_token,
        }
    return {
        **environ,
        **host.brief.environment,
        **host.brief.variables,
        "SAGEWRIGHT_HOST_ID": host.host_id,
        "SAGEWRIGHT_CPUS": str(host.cpus),
        "SAGEWRIGHT_GPUS": str(host.gpus),
        "SAGEWRIGHT_MEMORY_GB": str(host.memory_gb),
    }
