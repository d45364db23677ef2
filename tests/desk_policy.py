"""Models for desk runs in tests: the probabilities of a tiny model, the words of a teacher.

`DeskPolicy` serves a folder as `TinyServer` does. What it says is what a decomposition
teacher says to the conversation it reads in the prompt, so that runs have right and wrong
answers, searches and pages, in whatever dialect.
"""

from __future__ import annotations

import itertools
import re
from contextlib import contextmanager

from langchain_core.messages import AIMessage, HumanMessage
from tiny_server import TinyServer

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners
from langgraph_deepsearch.questions import read_questions
from langgraph_deepsearch.world.teacher import DecompositionTeacher

CONTEXT = 4096
TURN = re.compile(r"<\|im_start\|>(\w+)\n")


class DeskPolicy:
    """Serves models for one desk run; `served` remembers what was asked for."""

    def __init__(self, recipe, directory):
        self.engine = "tiny"
        self.served = []
        self._recipe = recipe
        self._directory = directory
        self._seeds = itertools.count()

    @contextmanager
    def __call__(self, model, name, *, log, trains=False):
        assert log.parent.name == "logs"
        self.served.append(
            (model.name if model.parent == self._directory else model, trains)
        )
        forget_reasoners()
        with TinyServer(model, self._script(), context=CONTEXT, updatable=True) as server:
            server.base = name
            server.engine = self.engine
            server.model_names = [name]
            yield server
        forget_reasoners()

    def _script(self):
        world = self._directory / "world"
        names = ("mixed", "masked", "test", "open_test")
        files = [world / f"{name}.jsonl" for name in names]
        questions = [question for file in files for question in read_questions(file)]
        dialect = get_dialect(self._recipe.dialect)
        teacher = DecompositionTeacher.for_questions(questions, dialect=dialect)
        texts = sorted((q.question for q in questions), key=len, reverse=True)

        def reply(prompt):
            messages = conversation(prompt, texts, dialect.layout)
            return teacher.next_turn(messages, seed=next(self._seeds))

        return reply


def conversation(prompt, questions, layout):
    """Return a prompt's messages: by ChatML's marks, or cut after the question.

    Inline, all after the first opening is one text, with whatever marks are in it.
    """
    if not TURN.search(prompt):
        question = next(text for text in questions if text in prompt)
        end = prompt.index(question) + len(question)
        return [HumanMessage(prompt[:end]), AIMessage(prompt[end:])]
    if layout == "inline":
        before, _, written = prompt.partition("<|im_start|>assistant\n")
        return [HumanMessage(before), *([AIMessage(written)] if written else [])]
    _, *parts = TURN.split(prompt)
    messages = []
    for role, text in zip(parts[::2], parts[1::2], strict=True):
        said = text.partition("<|im_end|>")[0]
        if role != "assistant" or said:
            messages.append(AIMessage(said) if role == "assistant" else HumanMessage(said))
    return messages
