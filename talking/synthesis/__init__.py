"""From W+ codes to frames to videos; `Animator` makes a picture speak."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talking.synthesis.animator import Animator

__all__ = ["Animator"]


def __getattr__(name: str) -> Any:
    """Import the animator when it is first asked for: it takes torch along, which takes seconds."""
    if name == "Animator":
        from talking.synthesis.animator import Animator

        return Animator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
