"""Experiments on channels: calibrated credits, costs of a conversion, and budgets."""
