"""Progress of an installation, from lines as uv prints them."""

from __future__ import annotations

from sagewright.runtimes.progress import InstallProgress

LINES = """Using Python 3.11.7 environment at: env
Resolved 10 packages in 699ms
Downloading numpy (16.1MiB)
Downloading scipy (33.7MiB)
 Downloaded numpy
 Downloaded scipy
Prepared 10 packages in 1.93s
Installed 10 packages in 304ms
 + numpy==2.4.6
""".splitlines()


def test_each_step_is_named() -> None:
    progress, said = InstallProgress(), []
    for line in LINES:
        progress.take(line)
        said.append(progress.text().partition(": ")[2])
    assert said == [
        "resolving",
        "getting 10 packages",
        "downloading numpy (16.1MiB); 0 of 1 downloaded",
        "downloading numpy (16.1MiB) and 1 more; 0 of 2 downloaded",
        "downloading scipy (33.7MiB); 1 of 2 downloaded",
        "getting 10 packages",
        "installing 10 packages",
        "compiling 10 packages",
        "compiling 10 packages",
    ]


def test_hostile_lines_are_passed_over() -> None:
    progress = InstallProgress()
    for line in (
        "",
        "Downloading",
        "Downloading x",
        "Downloaded never-begun",
        "Resolved many packages",
        "\x1b[2J" * 10_000,
    ):
        progress.take(line)
    assert progress.text().endswith(": resolving")
    progress.take(f"Downloading {'x' * 10_000} (1MiB)")
    assert len(progress.text()) < 200
