"""What can go wrong with pairs and training data; a message names the value, the rule and the next command."""

from __future__ import annotations


class FinetunedError(Exception):
    """Base of this package's errors. Its text is shown to the user as it stands."""


class UnknownPairError(FinetunedError):
    """A name that is not in the registry."""


class UnavailableModelError(FinetunedError):
    """A model whose weights were never published, or which must be asked for first."""


class TrainingDataError(FinetunedError):
    """A training or task file that is missing, unreadable, or not in a known format."""


class RecipeError(FinetunedError):
    """A training recipe that cannot be run as written; the message names the field, its value and what is allowed."""


class TrainingError(FinetunedError):
    """A training run that cannot start, go on or be finished."""
