"""The calls of a run's roles as chats to fine-tune on (MaskSearch's self-evolution).

A model that is to take the roles in a later round must know how they are asked: the runs
whose answer is right show it, call by call.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import DeepSearchError
from ..nodes.roles import ROLES
from ..trace import ChildRecord, Trace
from .resumable import write_whole

NO_ROLES = "make them with `deepsearch rollout … --set roles=mask_search`"
"""What to do where no run has any."""


class RoleCallsError(DeepSearchError):
    """The runs were not written by roles."""


@dataclass
class RoleCallsReport:
    """What came of the runs."""

    runs: int = 0
    calls: int = 0
    by_role: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the counts by name."""
        return asdict(self)


def role_calls(trace: Trace) -> Iterator[dict[str, Any]]:
    """Yield a run's role calls as chats: `id`, `role` and `messages`."""
    children = (child for child in trace.children if child.step in ROLES)
    for number, child in enumerate(children, 1):
        if child.error is None:
            yield {
                "id": f"{trace.id}/{child.step}/{number}",
                "role": child.step,
                "messages": _messages(child),
            }


def write_role_calls(
    traces: Iterable[Trace], out: str | os.PathLike[str]
) -> RoleCallsReport:
    """Write the role calls of curated runs as JSON Lines.

    `SftConfig.other_data` takes the file, and so does `deepsearch train sft`.

    Args:
        traces: runs worth learning from; nothing is filtered here.
        out: the file to write.

    Raises:
        RoleCallsError: no run has any.
    """
    report = RoleCallsReport()
    lines = []
    for trace in traces:
        report.runs += 1
        for call in role_calls(trace):
            report.by_role[call["role"]] = report.by_role.get(call["role"], 0) + 1
            lines.append(json.dumps(call, ensure_ascii=False))
    report.calls = len(lines)
    if not lines:
        msg = f"none of {report.runs} runs was written by roles: {NO_ROLES}"
        raise RoleCallsError(msg)
    write_whole(Path(out), lines)
    return report


def _messages(child: ChildRecord) -> list[dict[str, str]]:
    return [{"role": s.speaker, "content": s.text} for s in child.segments]
