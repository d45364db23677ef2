"""`deepsearch settings`: every setting of a run, its default and what it is."""

from __future__ import annotations

from typing import Any

from .app import AGENT, app
from .options import AsJson
from .terminal import out, print_json


@app.command(rich_help_panel=AGENT)
def settings(as_json: AsJson = False) -> None:
    """List what --set NAME=VALUE and DEEPSEARCH_NAME can set."""
    from rich.table import Table
    from rich.text import Text

    listed = _settings()
    if as_json:
        print_json(listed)
        return
    table = Table("setting", "default", "what it is")
    for setting in listed:
        what = ("Reports only. " if setting["reports_only"] else "") + setting[
            "description"
        ]
        table.add_row(setting["name"], Text(_shown(setting["default"])), Text(what))
    out.print(table)


def _settings() -> list[dict[str, Any]]:
    from ..context import Context, ReportContext

    schemas = {**ReportContext.model_fields, **Context.model_fields}
    return [
        {
            "name": name,
            "default": field.default,
            "description": field.description or "",
            "reports_only": name not in Context.model_fields,
        }
        for name, field in sorted(schemas.items())
    ]


def _shown(default: Any) -> str:
    return "" if default is None else str(default)
