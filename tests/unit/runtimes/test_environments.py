"""Environments: the choice between exact and nearest, builds that are cut off or wait for each other, requirements."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.npmregistry import archive_of, serving

from sagewright.runtimes.environments import (
    MANIFEST,
    Environment,
    EnvironmentFailed,
    Environments,
    RequirementsFailed,
    describe_choice,
)
from sagewright.runtimes.images import resolve_image
from sagewright.runtimes.pipconfig import PipSources, read_pip_sources
from sagewright.runtimes.recipes import RECIPES, NoRecipe, Recipe, recipe_for, variables_for

PYTHON = resolve_image("python:3.11")


def wheel(directory: Path, name: str, version: str) -> None:
    info = f"{name}-{version}.dist-info"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    (directory / f"{name}-{version}-py3-none-any.whl").write_bytes(out.getvalue())


@pytest.fixture
def sources(tmp_path: Path) -> PipSources:
    """A configuration of pip that knows local wheels alone for what the tests ask for."""
    links = tmp_path / "links"
    links.mkdir()
    for version in ("1.0", "2.0"):
        wheel(links, "sagewright_tiny", version)
    return PipSources(find_links=(str(links),))


@pytest.fixture
def cache(tmp_path: Path, sources: PipSources) -> Environments:
    return Environments(tmp_path / "environments", sources=sources)


def run(environment: Environment, script: str) -> str:
    python = environment.path / "bin" / "python"
    return subprocess.run([python, "-c", script], check=True, capture_output=True, text=True).stdout.strip()


def test_an_environment_is_made_once_and_has_pip(cache: Environments) -> None:
    said: list[str] = []
    first, second = cache.ensure(PYTHON, said.append), cache.ensure(PYTHON, said.append)

    assert first == second
    assert len(said) == 1
    assert "pip" in first.packages
    assert run(first, "import pip, sys; print(sys.version.split()[0])") == first.python


def test_a_build_that_was_cut_off_is_made_again(cache: Environments) -> None:
    place = cache.ensure(PYTHON).path
    (place / MANIFEST).unlink()
    (place / "half").write_text("")

    assert cache.ensure(PYTHON).path == place
    assert not (place / "half").exists()


def test_jobs_can_use_one_before_its_bytecode_is_made(
    tmp_path: Path, sources: PipSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECIPES, "python", Recipe("python", "", ("sagewright_tiny",), ()))
    environments = Environments(tmp_path / "later", sources=sources, compiles=False)
    made = environments.ensure(PYTHON)
    (packages,) = made.path.glob("lib/python3*/site-packages")

    def identity() -> tuple[int, int]:
        """Returns the times that sandboxes which are kept ready compare."""
        return made.path.stat().st_mtime_ns, packages.stat().st_mtime_ns

    before = identity()
    assert environments.ready(PYTHON) == made
    assert (
        run(made, "import sys; sys.dont_write_bytecode = True; import sagewright_tiny as t; print(t.version)") == "2.0"
    )
    assert not environments.is_compiled(made)
    assert not list(packages.glob("__pycache__/sagewright_tiny.*.pyc"))
    environments.compile(made)
    assert environments.is_compiled(made)
    assert list(packages.glob("__pycache__/sagewright_tiny.*.pyc"))
    assert identity() == before


def test_one_that_an_older_release_made_gets_what_its_recipe_has_now(
    cache: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = cache.ensure(PYTHON)
    (older.path / "in use").touch()
    monkeypatch.setitem(RECIPES, "python", Recipe("python", "", ("Sagewright_Tiny<2",), ()))
    assert cache.ready(PYTHON) is None
    newer = cache.ensure(PYTHON)
    assert (newer.path, newer.packages) == (older.path, {**older.packages, "sagewright-tiny": "1.0"})
    assert (newer.path / "in use").exists()
    assert run(newer, "import sagewright_tiny; print(sagewright_tiny.version)") == "1.0"
    assert cache.ready(PYTHON) == newer


def test_one_whose_packages_the_recipe_does_not_allow_any_more_gets_others(
    cache: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECIPES, "python", Recipe("python", "", ("sagewright_tiny",), ()))
    older = cache.ensure(PYTHON)
    layered = cache.with_requirements(older, "sagewright_tiny==1.0\n")
    monkeypatch.setitem(RECIPES, "python", Recipe("python", "", ("sagewright_tiny<2",), ()))
    newer = cache.ensure(PYTHON)
    versions = [one.packages["sagewright-tiny"] for one in (older, newer)]
    assert (newer.path, versions) == (older.path, ["2.0", "1.0"])
    said: list[str] = []
    assert cache.with_requirements(older, "sagewright_tiny==1.0\n", said.append) == layered, (
        "its versions are the user's"
    )
    assert said == []


def test_builders_in_two_processes_take_turns(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\n"
        "from sagewright.runtimes.environments import Environments\n"
        "from sagewright.runtimes.images import resolve_image\n"
        f"Environments(Path({str(tmp_path)!r})).ensure(resolve_image('python:3.11'), print)\n"
    )
    builders = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) for _two in range(2)]
    said = [builder.communicate(timeout=100)[0] for builder in builders]

    assert [builder.returncode for builder in builders] == [0, 0]
    assert sum(bool(words) for words in said) == 1


def test_requirements_come_on_top_and_are_kept_by_content(cache: Environments) -> None:
    base = cache.ensure(PYTHON)
    said: list[str] = []
    one = cache.with_requirements(base, "sagewright_tiny==1.0\n", said.append)
    again = cache.with_requirements(base, "sagewright_tiny==1.0\n", said.append)
    two = cache.with_requirements(base, "sagewright_tiny>1\n", said.append)

    assert one == again != two
    assert len(said) == 2
    assert run(one, "import sagewright_tiny; print(sagewright_tiny.version)") == "1.0"
    assert two.packages["sagewright-tiny"] == "2.0"
    assert "sagewright-tiny" not in cache.ensure(PYTHON).packages


def test_files_of_an_npm_package_come_on_top(
    cache: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "@o" / "n" / "-").mkdir(parents=True)
    archive = archive_of(**{"one.bin": b"weights"})
    (tmp_path / "@o" / "n" / "-" / "n-1.0.0.tgz").write_bytes(archive)
    digest = hashlib.sha256(archive).hexdigest()
    line = f"# npm: @o/n@1.0.0 sha256:{digest} models/one.bin\n"
    with serving(tmp_path) as registry:
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", registry)
        made = cache.with_requirements(cache.ensure(PYTHON), line)
        with pytest.raises(RequirementsFailed, match="it has the sha256"):
            cache.with_requirements(cache.ensure(PYTHON), line.replace(digest, "0" * 64))
    program = "import npm_o_n, pathlib; print(pathlib.Path(npm_o_n.__path__[0], 'models/one.bin').read_text())"
    assert run(made, program) == "weights"


def test_requirements_that_cannot_be_had_say_why(tmp_path: Path, sources: PipSources) -> None:
    cache = Environments(tmp_path / "e", sources=PipSources(sources.find_links, no_index=True))
    base = cache.ensure(PYTHON)
    with pytest.raises(RequirementsFailed, match="sagewright-tiny==9"):
        cache.with_requirements(base, "sagewright-tiny==9\n")

    assert [place.name for place in cache.directory.iterdir() if "-r" in place.name and place.is_dir()] == []


def test_exact_versions_are_made_or_refused(tmp_path: Path) -> None:
    cache = Environments(tmp_path / "e", "exact", PipSources(no_index=True))
    with pytest.raises(EnvironmentFailed, match="No solution found"):
        cache.ensure(resolve_image("x/sagemaker-scikit-learn:1.2-1-cpu-py3"))


def test_nearest_takes_an_exact_one_that_is_there(cache: Environments, tmp_path: Path) -> None:
    stock = cache.ensure(PYTHON)
    shutil.copytree(stock.path, cache.directory / f"python-3.11-py{stock.python}", symlinks=True)

    assert cache.ensure(PYTHON).path.name == f"python-3.11-py{stock.python}"


def test_the_first_line_says_what_the_image_became(tmp_path: Path) -> None:
    image = resolve_image("x/pytorch-training:2.0.0-cpu-py310")
    near = Environment(tmp_path, "3.11.7", {"torch": "2.13.0+cpu"})
    same = Environment(tmp_path, "3.10.2", {"torch": "2.0.0+cpu"})

    start = "Image pytorch-training 2.0.0 (py310): running on "
    assert describe_choice(image, near) == start + "torch 2.13.0, Python 3.11.7, the nearest on this machine."
    assert describe_choice(image, same) == start + "torch 2.0.0, Python 3.10.2."


def test_a_local_cpu_wheel_of_torch_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.runtimes.environments.has_gpu", lambda: False)
    monkeypatch.setattr("sys.version_info", type("V", (), {"major": 3, "minor": 11})())
    (tmp_path / "torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl").touch()
    cache = Environments(tmp_path, sources=PipSources(find_links=(str(tmp_path),)))

    assert cache._without_cuda(["torch", "numpy"]) == (["torch==2.13.0+cpu", "numpy"], [[]])


def test_without_a_local_wheel_the_cpu_index_is_tried_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.runtimes.environments.has_gpu", lambda: False)
    cache = Environments(tmp_path, sources=PipSources())

    assert cache._without_cuda(["torch"]) == (["torch"], [["--torch-backend", "cpu"], []])
    assert cache._without_cuda(["numpy"]) == (["numpy"], [[]])


def test_pips_configuration_is_read_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "xdg" / "pip").mkdir(parents=True)
    (tmp_path / "xdg" / "pip" / "pip.conf").write_text(
        "[global]\nfind-links = /a /b\nconstraint = /c.txt\nindex-url = https://one/simple\n"
    )
    (tmp_path / ".config" / "pip").mkdir(parents=True)
    (tmp_path / ".config" / "pip" / "pip.conf").write_text("[install]\nindex_url = https://two/simple\n")
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "xdg"), "PIP_FIND_LINKS": "/d"}

    sources = read_pip_sources(environ)
    assert sources.find_links == ("/d",)
    assert sources.constraints == ("/c.txt",)
    assert sources.index_url == "https://two/simple"
    assert sources.uv_options() == [
        "--find-links", "/d", "--constraints", "/c.txt", "--default-index", "https://two/simple",
    ]  # fmt: skip
    assert sources.pip_environment()["PIP_INDEX_URL"] == "https://two/simple"


@pytest.mark.parametrize("name", RECIPES)
def test_exact_recipes_pin_the_main_package(name: str) -> None:
    recipe = RECIPES[name]
    image = resolve_image(f"x/{name}:1.7-1")
    pinned = [package for package in recipe.exact(image) if package.startswith(f"{recipe.main}==1.7.*")]

    assert len(pinned) == (1 if recipe.main and recipe.main in recipe.packages else 0)


def test_images_that_no_environment_fits() -> None:
    with pytest.raises(NoRecipe, match="Trainium"):
        recipe_for(resolve_image("x/pytorch-training-neuronx:2.1.2"))


@pytest.mark.parametrize(
    ("repository", "recipe"),
    [
        ("xgboost", "xgboost"),
        ("ntm", "numeric"),
        ("ipinsights", "numeric"),
        ("blazingtext", "text"),
        ("image-classification", "pytorch"),
        ("forecasting-deepar", "pytorch"),
        ("object2vec", "pytorch"),
        ("seq2seq", "pytorch"),
    ],
)
def test_environments_of_algorithms(repository: str, recipe: str) -> None:
    assert recipe_for(resolve_image(f"{'1' * 12}.dkr.ecr.us-east-1.amazonaws.com/{repository}:1")).name == recipe


@pytest.mark.parametrize("policy", ["nearest", "exact"])
def test_deep_algorithms_run_where_pytorch_jobs_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """Their tag, 1, is no version of torch."""
    (image, pytorch), place = map(resolve_image, ("x/image-classification:1", "x/pytorch-training:2.6-cpu-py312")), "e"
    directory = tmp_path / place / f"pytorch-near-py{platform.python_version()}"
    directory.mkdir(parents=True)
    packages = {re.split("[<=]", name)[0]: "1.0" for name in RECIPES["pytorch"].packages}
    (directory / MANIFEST).write_text(json.dumps({"python": "3.11", "packages": packages}))
    environments = Environments(tmp_path / place, policy)
    found = environments.ready(image)
    assert found is not None
    assert (found.path, environments.ready(pytorch) == found) == (directory, policy == "nearest")


@pytest.mark.parametrize(
    ("image", "word", "requirement"),
    [
        ("huggingface-pytorch-training:2.1.0-transformers4.36.0-gpu-py310", "4-near", "transformers==4.*"),
        ("huggingface-pytorch-training:2.8.0-transformers4.56.2-cpu-py312", "4-near", "transformers==4.*"),
        ("huggingface-pytorch-training:2.9.0-transformers5.1.0-cpu-py312", "5-near", "transformers==5.*"),
        ("pytorch-training:1.13.1-cpu-py39", "near", "torch"),
    ],
)
def test_the_nearest_crosses_no_major_version_of_transformers(image: str, word: str, requirement: str) -> None:
    found = resolve_image(f"763104351884.dkr.ecr.us-east-1.amazonaws.com/{image}")
    name, packages = recipe_for(found).nearest(found)
    assert (name, packages[0]) == (word, requirement)


@pytest.mark.parametrize(
    ("tag", "python", "word", "pins"),
    [
        ("0.23-1-cpu-py3", (3, 11), "1.0-near", {"scikit-learn==1.1.*", "numpy<1.24", "pandas<2", "pyarrow<20"}),
        ("1.0-1-cpu-py3", (3, 11), "1.0-near", {"scikit-learn==1.1.*", "numpy<1.24", "pandas<2"}),
        ("1.2-1-cpu-py3", (3, 10), "1.2-near", {"scikit-learn==1.2.*", "numpy<2", "pandas<2", "pyarrow<20"}),
        ("1.2-1-cpu-py3", (3, 12), "near", {"scikit-learn", "numpy", "pandas<3"}),
        ("1.4-2-cpu-py3", (3, 12), "1.4-near", {"scikit-learn==1.4.*", "numpy<2", "pandas<3"}),
        ("1.5-1-cpu-py3", (3, 11), "near", {"scikit-learn", "numpy", "pandas<3"}),
        ("latest", (3, 11), "near", {"scikit-learn", "numpy", "pandas<3"}),
    ],
)
def test_what_scripts_for_old_images_of_scikit_learn_need(
    monkeypatch: pytest.MonkeyPatch, tag: str, python: tuple[int, int], word: str, pins: set[str]
) -> None:
    monkeypatch.setattr("sys.version_info", (*python, 1, "final", 0))
    found = resolve_image(f"x/sagemaker-scikit-learn:{tag}")
    name, packages = recipe_for(found).nearest(found)
    assert name == word
    assert pins <= set(packages)


@pytest.mark.parametrize(
    ("image", "word"),
    [("2.9.1-cpu-py39", "2.15-near"), ("2.15.0-cpu-py310", "2.15-near"), ("2.16.1-cpu-py310", "near")],
)
def test_scripts_for_keras_2_have_it(monkeypatch: pytest.MonkeyPatch, image: str, word: str) -> None:
    monkeypatch.setattr("sys.version_info", (3, 11, 1, "final", 0))
    found = resolve_image(f"x/tensorflow-training:{image}")
    assert recipe_for(found).nearest(found)[0] == word


@pytest.mark.parametrize(
    ("image", "whole"),
    [
        ("pytorch-training:2.5.1-cpu-py311", True),
        ("pytorch-inference:1.13.1-cpu-py39", True),
        ("pytorch-training:2.6.0-cpu-py312", False),
        ("huggingface-pytorch-training:2.1.0-transformers4.36.0-gpu-py310", True),
        ("huggingface-pytorch-training:2.8.0-transformers4.56.2-cpu-py312", False),
        ("tensorflow-training:2.3.0-cpu-py37", False),
        ("image-classification:1", False),
        ("mine:1", False),
    ],
)
def test_torch_loads_whole_models_for_scripts_that_expect_it(image: str, whole: bool) -> None:
    assert (variables_for(resolve_image(f"x/{image}")) != {}) is whole


@pytest.mark.parametrize(
    ("image", "kept"),
    [
        ("sagemaker-xgboost:1.3-1", True),
        ("sagemaker-xgboost:1.7-1", True),
        ("sagemaker-xgboost:3.0-5", False),
        ("sagemaker-xgboost:latest", False),
        ("xgboost:1", False),
    ],
)
def test_old_images_of_xgboost_keep_libsvm_indices(image: str, kept: bool) -> None:
    assert ("SAGEWRIGHT_LIBSVM_INDICES" in variables_for(resolve_image(f"x/{image}"))) is kept


def test_a_second_environment_elsewhere_downloads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers, the demo and the bench of one user share uv's cache."""
    Environments(tmp_path / "one").with_packages("shared", ("packaging", "wheel"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    made = Environments(tmp_path / "two").with_packages("shared", ("packaging", "wheel"))
    assert {"packaging", "wheel", "pip"} <= made.packages.keys()
    with pytest.raises(EnvironmentFailed):
        Environments(tmp_path / "three").with_packages("other", ("a-package-that-no-cache-has",))
