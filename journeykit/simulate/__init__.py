"""A world whose truth is known, and how methods do in it."""
