"""npm packages in comments of a requirements.txt, and the registry they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagewright.agent.inputs.code import named_requirements
from sagewright.jumpstart.entries import entries
from sagewright.runtimes.npmpackages import NpmPackage, npm_packages, npm_registry

DIGEST = "ab" * 32
LINE = f"# npm: @owner/some.name@1.2.3 sha256:{DIGEST} models/one.json models/one.bin"


def test_a_package_is_read_and_written() -> None:
    (found,) = npm_packages(f"torch\n  {LINE} \n# npm install is not one\n")
    assert found == NpmPackage("@owner/some.name", "1.2.3", DIGEST, ("models/one.json", "models/one.bin"))
    assert (found.line, found.module) == (LINE, "npm_owner_some_name")
    assert found.arguments("https://r.example")[0] == "https://r.example/@owner/some.name/-/some.name-1.2.3.tgz"


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace("models/one.json", "../one.json"),
        LINE.replace("models/one.json", "/etc/passwd"),
        LINE.replace("models/one.json", "models/../../one.json"),
        LINE.replace("models/one.json", "-option"),
        LINE.replace("@owner", "@../owner"),
        LINE.replace("1.2.3", "latest"),
        LINE.replace("1.2.3", "1/../2"),
        LINE.replace(DIGEST, "ab"),
        LINE.replace(f" sha256:{DIGEST}", ""),
        LINE.partition(" models/")[0],
        LINE + " one" * 40,
    ],
)
def test_other_comments_are_ignored(line: str) -> None:
    assert npm_packages(line) == []


def test_an_agent_keeps_them_beside_packages_of_an_index() -> None:
    assert named_requirements(f"{LINE}\n# a note\nnumpy # 2\n") == f"numpy\n{LINE}\n"
    assert named_requirements(f"{LINE}\n") == f"{LINE}\n"
    assert named_requirements("# a note\n") is None
    assert named_requirements(f"{LINE}\n./local\n") is None


def test_the_catalogue_names_them_so() -> None:
    found = [entry.weights for entry in entries().values() if entry.weights and entry.weights.npm_sha256]
    assert found
    for weights in found:
        (package,) = npm_packages(weights.line)
        assert package.module == weights.module
        assert set(package.files) == {f"{weights.folder}/{name}" for name in weights.files}


def test_the_registry_is_npms(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert npm_registry({**home, "NPM_CONFIG_REGISTRY": "https://a.example/npm/"}) == "https://a.example/npm"
    (tmp_path / ".npmrc").write_text("fund=false\nregistry = https://b.example/\n")
    assert npm_registry(home) == "https://b.example"
