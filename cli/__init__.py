"""The `deepsearch` command: one file a verb.

A new verb is a file of its own and one line in the list below. Heavy imports stay inside
the verbs, so `--help` is quick.
"""

from . import (  # noqa: F401  (each adds its verb to the command)
    ask,
    curate,
    dialects,
    evaluate,
    export,
    import_traces,
    internalize,
    loop,
    models,
    pairs,
    questions_annotate,
    questions_filter,
    questions_sample,
    questions_synthesize,
    recipe_export,
    recipe_list,
    recipe_run,
    recipe_show,
    report,
    rerender,
    rollout,
    search_rows,
    search_serve,
    select,
    serve,
    settings,
    train,
    train_dpo,
    train_rl,
    train_sft,
    train_stages,
    view,
    world,
)
from .app import main

__all__ = ["main"]
