"""What a verb prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from ..graph.rollout import RolloutProgress
    from ..graph.work_progress import WorkProgress

out = Console()
err = Console(stderr=True)


def print_json(value: Any) -> None:
    """Print a result for programs."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def print_text(text: object) -> None:
    """Print a result for people; square brackets in it are text, not markup."""
    out.print(str(text), markup=False)


@contextmanager
def rollout_progress(what: str) -> Iterator[Callable[[RolloutProgress], None]]:
    """Show rollouts as they finish: a bar on a terminal, a line now and then elsewhere."""
    from ..graph.progress import RolloutDisplay

    with RolloutDisplay(what, err) as display:
        yield display.update


@contextmanager
def work_progress(what: str) -> Iterator[Callable[[WorkProgress], None]]:
    """Show items as they finish: a bar on a terminal, a line now and then elsewhere."""
    from ..curation.resumable import describe
    from ..graph.progress import ProgressDisplay

    with ProgressDisplay(what, err, describe) as display:
        yield display.update
