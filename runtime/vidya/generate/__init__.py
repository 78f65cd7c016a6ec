"""Using a trained model."""

from .trained import Trained, load_model

__all__ = ["Trained", "load_model"]
