"""Traces in formats that other trainers read."""

from .export import FORMATS, ExportFormat, UnknownFormatError, export_traces
from .messages import to_messages

__all__ = [
    "FORMATS",
    "ExportFormat",
    "UnknownFormatError",
    "export_traces",
    "to_messages",
]
