"""Names of settings: what there is, and what a misspelt one was meant to be."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches

from ..training.environment import is_main
from .terminal import err

PREFIX = "DEEPSEARCH_"
"""What names of our environment variables start with."""

OF_SERVICES = re.compile(r"(SERVICE|PORT)(_.*)?")
"""What Kubernetes sets for a service that is called `deepsearch`."""

OTHER_VARIABLES = ("API_KEY", "CACHE_DIR", "IDLE_SECONDS", "VLLM_PYTHON")
"""Our variables that are no setting of a run, or more than that."""


def unknown_setting(name: str, schema: str = "") -> str:
    """Return the complaint about a setting that there is not.

    Args:
        name: what was given.
        schema: name of the class whose settings can be given.
    """
    from ..context import Context, ReportContext

    of_reports = schema == ReportContext.__name__
    names = sorted((ReportContext if of_reports else Context).model_fields)
    if name in ReportContext.model_fields:
        return f"setting {name!r} is for `deepsearch report` alone"
    return (
        f"there is no setting {name!r}{_meant(name, names)}; there are: {', '.join(names)}; "
        "`deepsearch settings` explains them"
    )


def warn_of_misspelt_variables() -> None:
    """Say which variables of the environment look like settings and are none.

    Of several processes that train together the first one does.
    """
    names = [name for name in os.environ if name.upper().startswith(PREFIX)]
    names = [name for name in names if _short(name) not in OTHER_VARIABLES]
    names = [name for name in names if not OF_SERVICES.fullmatch(_short(name))]
    if not names or not is_main():
        return
    from ..context import ReportContext

    known = {field.upper() for field in ReportContext.model_fields} | {*OTHER_VARIABLES}
    for name in sorted(names):
        if _short(name) not in known:
            meant = _meant(name.upper(), [f"{PREFIX}{one}" for one in sorted(known)])
            line = f"warning: {name} is no setting and does nothing{meant}"
            err.print(line, style="yellow", markup=False, soft_wrap=True)


def _short(variable: str) -> str:
    return variable[len(PREFIX) :].upper()


def _meant(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
