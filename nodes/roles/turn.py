"""One thought round: observer, planner and rewriter write a turn in the run's dialect."""

from __future__ import annotations

from ..dialects import Action, Dialect
from .call import RoleTurn, Task
from .observer import Verdict, observe_call, read_verdict
from .planner import plan_call, read_plan
from .rewriter import read_queries, rewrite_call


def write_turn(task: Task, dialect: Dialect) -> RoleTurn:
    """Write the next turn: an answer if what was found suffices, else a search.

    The observer looks at what is there, the planner splits what is missing into searches,
    the rewriter widens each. Without a planned search the turn is a thought alone, which
    the run takes as any turn without an action.
    """
    verdict = Verdict()
    if task.rounds:
        verdict = read_verdict((yield observe_call(task)))
        if verdict.answer:
            return _answer(verdict, dialect)
    plan = read_plan((yield plan_call(task, verdict.missing)))
    queries: list[str] = []
    for need in plan.searches:
        queries += read_queries((yield rewrite_call(task, need)), need)
    thought = " ".join(part for part in (verdict.thought, plan.thought) if part)
    return _search(thought, task, queries, dialect)


def write_last(task: Task, dialect: Dialect, transcript: str) -> RoleTurn:
    """Write the words after the run has asked for an answer.

    Args:
        task: the question and the rounds so far.
        dialect: the run's.
        transcript: what stands before; an inline dialect has opened the answer there.
    """
    verdict = read_verdict((yield observe_call(task, is_last=True)), is_last=True)
    if dialect.layout == "turns":
        return _answer(verdict, dialect)
    return rest_of(dialect.format_answer(dialect.neutralize(verdict.answer)), transcript)


def rest_of(form: str, transcript: str) -> str:
    """Return a form without the beginning that a transcript ends with.

    >>> rest_of("<answer> Lima </answer>", "So: <answer>")
    ' Lima </answer>'
    """
    for length in range(len(form), 0, -1):
        if transcript.endswith(form[:length]):
            return form[length:]
    return form


def _answer(verdict: Verdict, dialect: Dialect) -> str:
    answer = Action("answer", text=dialect.neutralize(verdict.answer))
    return dialect.format_turn(dialect.neutralize(verdict.thought), answer)


def _search(thought: str, task: Task, queries: list[str], dialect: Dialect) -> str:
    thought = dialect.neutralize(thought)
    fresh = [query for query in dict.fromkeys(queries) if query not in task.asked]
    # All asked before: the run says so to the next round.
    chosen = [dialect.neutralize(query) for query in fresh or queries]
    chosen = chosen[: dialect.queries_a_turn]
    if not chosen:
        return thought
    return dialect.format_turn(thought, Action("search", queries=tuple(chosen)))
