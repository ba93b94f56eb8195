"""The visible label of a made frame, for those who do not read metadata."""

import cv2
import numpy as np

TEXT = "SYNTHETIC"
# In widths of the frame: of the label, and its distance from the lower left corner.
WIDTH, INSET = 0.36, 0.02
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def labelled(frame: np.ndarray) -> np.ndarray:
    """Return a copy of a frame, uint8 (H, W, 3), with TEXT in white on black burnt into its lower left corner."""
    frame = frame.copy()
    height, width = frame.shape[:2]
    reference = cv2.getTextSize(TEXT, _FONT, 1.0, 2)[0]
    scale = WIDTH * min(width, 2 * height) / reference[0]
    stroke = max(1, round(2 * scale))
    (wide, high), _ = cv2.getTextSize(TEXT, _FONT, scale, stroke)
    inset, border = round(INSET * width), max(1, high // 2)
    corner = (inset + border, height - inset - border)
    low = (corner[0] - border, corner[1] - high - border)
    cv2.rectangle(frame, low, (corner[0] + wide + border, corner[1] + border), (0, 0, 0), cv2.FILLED)
    return cv2.putText(frame, TEXT, corner, _FONT, scale, (255, 255, 255), stroke, cv2.LINE_AA)
