"""Lists the packages: the repository root is the package `langgraph_deepsearch`."""

from setuptools import find_packages, setup

ROOMS = ("tools", "nodes", "graph", "world", "evals", "curation", "training")

setup(
    packages=[
        "langgraph_deepsearch",
        *(
            f"langgraph_deepsearch.{package}"
            for package in find_packages(
                include=[pattern for room in ROOMS for pattern in (room, f"{room}.*")]
            )
        ),
    ]
)
