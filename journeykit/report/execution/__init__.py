"""A notebook run within its limits, and how it ended."""
