"""Sequences of touchpoints: which are frequent, and which come before an outcome."""
