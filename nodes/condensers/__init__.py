"""Condensers: the summarize step."""
