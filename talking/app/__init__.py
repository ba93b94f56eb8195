"""The command line and the library's front door: `Animator` makes a picture speak."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talking.app.animator import Animator

__all__ = ["Animator"]


def __getattr__(name: str) -> Any:
    """Import the animator when it is first asked for: it takes torch along, which takes seconds.

    By name, since a stage that uses another module of this package does not run the animator.
    """
    if name == "Animator":
        return import_module(f"{__name__}.animator").Animator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
