"""Lists the packages: the repository root is the package `langgraph_deepsearch`."""

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOMS = "tools nodes graph world evals curation training recipes cli".split()
RECIPES = "examples.recipes"
"""Beside the rooms: what `deepsearch recipe` finds by name."""


class BuildPy(build_py):
    """Leaves this file out: it lies in the package's folder and is no part of it."""

    def find_package_modules(
        self, package: str, package_dir: str
    ) -> list[tuple[str, str, str]]:
        """Return (package, module, file) of each module."""
        found = super().find_package_modules(package, package_dir)
        return [entry for entry in found if entry[1] != "setup"]


setup(
    cmdclass={"build_py": BuildPy},
    packages=[
        "langgraph_deepsearch",
        *(
            f"langgraph_deepsearch.{package}"
            for package in [
                *find_packages(
                    include=[pattern for room in ROOMS for pattern in (room, f"{room}.*")]
                ),
                RECIPES,
            ]
        ),
    ],
)
