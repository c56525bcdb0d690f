"""How far journeys wander, and what their detours cost."""

from journeykit.paths.detours.maze import Labyrinth, labyrinth

__all__ = ["Labyrinth", "labyrinth"]
