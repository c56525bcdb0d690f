"""Every error journeykit raises, each mixed with the builtin a caller would expect.

A message says what must hold, what came, where (file, column, row count) and the mend when it is
known. ``except JourneyKitError`` catches them all.
"""

from __future__ import annotations


class JourneyKitError(Exception):
    """Base of every error raised on purpose by journeykit."""


class ArgumentError(JourneyKitError, ValueError):
    """An argument of a call is outside what the function is defined for."""


class MappingError(JourneyKitError, KeyError):
    """A named column, touchpoint, attribute or report does not exist in the data at hand."""

    def __str__(self) -> str:
        """Show the message itself; KeyError would show its quoted repr."""
        return str(self.args[0]) if self.args else ""


class DataError(JourneyKitError, ValueError):
    """The data cannot be used as it is: unreadable, damaged, contradictory or empty."""


class StudyError(JourneyKitError, ValueError):
    """A study file is wrong; the message names the file, the key path and the mend."""


class ParameterError(JourneyKitError, ValueError):
    """A report parameter is unknown, of the wrong type or out of range."""


class NotObservedError(JourneyKitError, ValueError):
    """The question needs something the data does not hold, such as times in a path table."""


class ReportError(JourneyKitError, RuntimeError):
    """A report could not be made; what was published before is untouched."""


class GuardError(JourneyKitError, AssertionError):
    """A check of the numbers failed: what it guards must not be published."""


class NoPictureError(JourneyKitError, NotImplementedError):
    """A result of this kind has no picture; its numbers are in `.frame`."""


class MethodError(JourneyKitError, RuntimeError):
    """A method that was to be scored failed; the message names the world, to see it again."""


class MissingExtraError(JourneyKitError, ImportError):
    """An optional dependency is needed; the message names the extra that brings it."""


class JourneyKitWarning(UserWarning):
    """A number may mislead; the message says which and why."""
