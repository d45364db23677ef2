"""Metrics, analyses and reports."""
