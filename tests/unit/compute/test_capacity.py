"""Resources of machines, and a job's share of them."""

from __future__ import annotations

import pytest

from sagewright.compute.capacity import Machines, this_machine
from sagewright.model.aws.instance_types import Resources, resources_of


def only(machine: Resources) -> Machines:
    return Machines(lambda: [machine])


@pytest.mark.parametrize(
    ("instance_type", "expected"),
    [
        ("ml.m5.large", Resources(2, 8, 0)),
        ("ml.m5.xlarge", Resources(4, 16, 0)),
        ("ml.m5.24xlarge", Resources(96, 384, 0)),
        ("ml.c4.xlarge", Resources(4, 8, 0)),
        ("ml.c5.2xlarge", Resources(8, 16, 0)),
        ("ml.r5.4xlarge", Resources(16, 128, 0)),
        ("ml.t3.medium", Resources(2, 4, 0)),
        ("ml.p2.xlarge", Resources(4, 61, 1)),
        ("ml.p3.2xlarge", Resources(8, 61, 1)),
        ("ml.p3.16xlarge", Resources(64, 488, 8)),
        ("ml.p4d.24xlarge", Resources(96, 1152, 8)),
        ("ml.p5.48xlarge", Resources(192, 2048, 8)),
        ("ml.g4dn.12xlarge", Resources(48, 192, 4)),
        ("ml.g5.xlarge", Resources(4, 16, 1)),
        ("ml.trn1.32xlarge", Resources(128, 512, 0)),
        ("ml.qq9.weird", Resources(2, 8, 0)),
        ("no type at all", Resources(2, 8, 0)),
    ],
)
def test_resources_of_instance_types(instance_type: str, expected: Resources) -> None:
    assert resources_of(instance_type) == expected


def test_what_is_asked_is_clipped_to_the_machine_with_a_warning() -> None:
    share = only(Resources(2, 23, 0)).share_of("ml.p3.2xlarge", 1)

    assert share.per_host == share.total == Resources(2, 23, 0)
    assert share.warnings == ["ml.p3.2xlarge has 8 vCPU, 61 GiB, 1 GPU; this machine gives 2 vCPU, 23 GiB, no GPU."]


def test_what_fits_gives_no_warning() -> None:
    share = only(Resources(8, 64, 0)).share_of("ml.m5.xlarge", 2)

    assert (share.per_host, share.total, share.warnings) == (Resources(4, 16, 0), Resources(8, 32, 0), [])


def test_more_hosts_than_cpus_share_them() -> None:
    share = only(Resources(2, 4, 0)).share_of("ml.m5.large", 8)

    assert (share.per_host, share.total) == (Resources(1, 1, 0), Resources(2, 4, 0))


def test_settings_override_what_the_machine_has() -> None:
    assert this_machine(capacity_cpus=3, capacity_memory_gb=5).cpus == 3
    assert this_machine(capacity_cpus=3, capacity_memory_gb=5).memory_gb == 5
    assert this_machine().cpus >= 1


def test_hosts_have_the_largest_machines_of_a_cluster() -> None:
    nodes = [Resources(4, 8, 0), Resources(16, 64, 2), Resources(8, 32, 0)]
    cluster = Machines(lambda: nodes, "the cluster")
    two, gpu = cluster.share_of("ml.m5.4xlarge", 2), cluster.share_of("ml.g4dn.xlarge", 1)
    assert (two.per_host, two.total) == (Resources(8, 32, 0), Resources(16, 64, 0))
    assert two.warnings == [
        "ml.m5.4xlarge has 16 vCPU, 64 GiB, no GPU; the cluster gives each of 2 hosts 8 vCPU, 32 GiB, no GPU."
    ]
    assert gpu.per_host == Resources(4, 16, 1)


def test_more_hosts_than_machines_share_the_largest() -> None:
    cluster = Machines(lambda: [Resources(4, 8, 0), Resources(8, 32, 0)], "the cluster")
    assert cluster.share_of("ml.m5.xlarge", 4).per_host == Resources(2, 8, 0)
