"""`deepsearch dialects`: the protocols a model may have been trained to speak."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import AGENT, app
from .options import AsJson
from .terminal import out, print_json, print_text

if TYPE_CHECKING:
    from ..nodes.dialects import Dialect

LAYOUTS = {"inline": "inside the model's text", "turns": "as messages of their own"}
"""Where results are placed, said for people."""

USES = {"answers": "questions", "reports": "reports", "recorded": "imported traces alone"}
"""What a dialect is for, said for people."""

UNLIMITED = {"max_context_tokens": "the model's context", "searching_turns": "all"}
"""What no limit means, where it means something."""

ROWS = {
    "what": "what it is",
    "use": "for",
    "layout": "results",
    "max_searches": "searches",
    "max_turns": "turns",
    "searching_turns": "turns that search",
    "max_turn_tokens": "tokens a turn",
    "max_context_tokens": "tokens in all",
    "top_k": "documents a search",
    "stops": "a turn ends at",
    "condenser": "condenser",
    "open_ended_condenser": "condenser, open-ended",
    "page_condenser": "condenser of a page",
    "chat_template": "chat template",
}
"""What is shown of a dialect, in order."""


@app.command(rich_help_panel=AGENT)
def dialects(
    name: Annotated[
        str,
        typer.Argument(
            help="A dialect, or a .py file of your own, to be shown with its variants.",
            show_default="list all",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List what --dialect takes, or show one dialect with its variants."""
    if name:
        _show(name, as_json=as_json)
    else:
        _list(as_json=as_json)


def _list(*, as_json: bool) -> None:
    from rich.table import Table

    from ..nodes.dialects import list_dialects

    listed = [_summary(name) for name in list_dialects()]
    if as_json:
        print_json(listed)
        return
    table = Table("dialect", "variants", "results", "what it is")
    for one in listed:
        variants = "\n".join(f":{name.rpartition(':')[2]}" for name in one["variants"])
        table.add_row(one["name"], variants, LAYOUTS[one["layout"]], one["what"])
    out.print(table)


def _show(name: str, *, as_json: bool) -> None:
    from ..nodes.dialects import get_dialect, list_variants

    main = _details(name, get_dialect(name))
    variants = [_details(one, get_dialect(one)) for one in list_variants(name)]
    if as_json:
        print_json({**main, "variants": variants})
        return
    out.print(_table([main, *variants]))
    if main["prompt_source"]:
        print_text(f"the original's prompt: {main['prompt_source']}")


def _summary(name: str) -> dict[str, Any]:
    from ..nodes.dialects import get_dialect, list_variants

    dialect = get_dialect(name)
    module = sys.modules[type(dialect).__module__]
    return {
        "name": name,
        "layout": dialect.layout,
        "variants": list_variants(name),
        "what": _first_line(module),
    }


def _details(name: str, dialect: Dialect) -> dict[str, Any]:
    """Return what a dialect says of itself."""
    from dataclasses import asdict

    return {
        "name": name,
        "what": _first_line(type(dialect)),
        "use": dialect.use,
        "layout": dialect.layout,
        "budgets": asdict(dialect.budgets),
        "stops": list(dialect.stop),
        "server_stops": list(dialect.server_stop),
        "condenser": dialect.condenser_for(open_ended=False),
        "open_ended_condenser": dialect.condenser_for(open_ended=True),
        "page_condenser": dialect.page_condenser,
        "chat_template": dialect.uses_chat_template,
        "prompt_source": dialect.prompt_source,
    }


def _first_line(documented: Any) -> str:
    return (documented.__doc__ or "").strip().partition("\n")[0]


def _table(columns: list[dict[str, Any]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table("", *(column["name"] for column in columns))
    for key, label in ROWS.items():
        cells = [_cell(key, {**column, **column["budgets"]}[key]) for column in columns]
        table.add_row(label, *map(Text, cells))
    return table


def _cell(key: str, value: Any) -> str:
    if key in ("layout", "use"):
        return {**LAYOUTS, **USES}[value]
    if key == "stops":
        return "\n".join(repr(stop)[1:-1] for stop in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return UNLIMITED.get(key, "no limit") if value is None else str(value)
