"""Steps of the report graph: plan, write, edit, check, polish and finish."""
