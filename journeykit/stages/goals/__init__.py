"""Journeys with a goal: several of one customer, cut from one log, and what became of them."""
