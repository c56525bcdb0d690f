"""Reports tried where the truth is known: made-up worlds, and how often the findings were right."""
