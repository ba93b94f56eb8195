"""What a drawn face does in one frame: the few numbers that speech and the idle motion of the head decide."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FaceState:
    """The state of a face in one frame. All lengths are relative, so that one state fits every identity.

    opening: gap between the inner lips, 0 (closed) to 1 (widest of speech).
    spread: width of the mouth, -1 (fully rounded) over 0 (rest) to 1 (fully spread).
    jaw: how far the chin has dropped, 0 to 1; follows the opening but slower.
    press: how hard closed lips are pressed together, 0 to 1 (thins the lips at /p b m/).
    teeth: how much of the upper teeth an open mouth shows, 0 to 1.
    blink: 0 (eyes open) to 1 (closed).
    gaze: direction of the eyes, x and y, -1 to 1.
    brow: raised brows, -1 to 1.
    roll_deg: rotation of the head in the picture, degrees.
    shift: displacement of the head, x and y, in units of the distance between the outer corners of the eyes.
    scale: size of the head, 1 at rest.
    """

    opening: float = 0.0
    spread: float = 0.0
    jaw: float = 0.0
    press: float = 0.0
    teeth: float = 0.5
    blink: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)
    brow: float = 0.0
    roll_deg: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
