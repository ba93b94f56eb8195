"""The made face back in the full picture: the inverse of the FFHQ crop, under a feathered mask."""

import cv2
import numpy as np

from talking.faces.alignment import crop_to_frame, to_crop
from talking.faces.face import Face
from talking.faces.landmarks import LEFT_EYE, RIGHT_EYE

# In sides of the crop: how far the mask reaches beyond the landmarks, how wide its edge is, and how far it stays from
# the crop's own edge.
REACH, FEATHER, MARGIN = 0.06, 0.04, 0.08
# The forehead in heights from chin to eyes: landmarks end at the brows.
FOREHEAD = 0.75
MASK_SIZE = 256


class Paste:
    """Puts made crops into one picture.

    The frames are (height, width) = `shape`, both even: the picture's own size, with the longer side at most
    `longest` pixels where that is given.
    """

    def __init__(self, face: Face, longest: int | None = None) -> None:
        height, width = face.picture.shape[:2]
        scale = min(1.0, longest / max(height, width)) if longest else 1.0
        self.shape = tuple(max(2, 2 * round(side * scale / 2)) for side in (height, width))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        self._picture = cv2.resize(face.picture, self.shape[::-1], interpolation=how)
        ratio = np.array([self.shape[1] / width, self.shape[0] / height])
        self._quad = (face.quad + 0.5) * ratio - 0.5
        low = np.clip(np.floor(self._quad.min(0)).astype(int) - 1, 0, self.shape[::-1])
        high = np.clip(np.ceil(self._quad.max(0)).astype(int) + 2, 0, self.shape[::-1])
        self._low, self._place = low, np.s_[low[1] : high[1], low[0] : high[0]]
        mask: np.ndarray = face_mask(to_crop(face.landmarks, face.quad, MASK_SIZE))
        self._mask = self._into_place(mask, cv2.BORDER_CONSTANT).clip(0, 1)  # a cubic overshoots

    def __call__(self, made: np.ndarray) -> np.ndarray:
        """Return the picture, uint8 (height, width, 3), with the made crop (R, R, 3) uint8 in its place."""
        whole = self._picture.copy()
        there = self._into_place(made, cv2.BORDER_REPLICATE)
        whole[self._place] = cv2.blendLinear(
            there, np.ascontiguousarray(whole[self._place]), self._mask, 1 - self._mask
        )
        return whole

    def _into_place(self, square: np.ndarray, border: int) -> np.ndarray:
        """Warp a crop (R, R) or (R, R, 3) onto the part of the picture around the quad."""
        side = round(float(np.linalg.norm(self._quad[3] - self._quad[0])))
        if side < len(square):
            # A warp takes four pixels each; what lies between them would flicker.
            square = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
        matrix = crop_to_frame(self._quad - self._low, len(square))
        rows, columns = self._place
        size = (int(columns.stop - columns.start), int(rows.stop - rows.start))
        return cv2.warpAffine(square, matrix, size, flags=cv2.INTER_CUBIC, borderMode=border)


def face_mask(landmarks: np.ndarray) -> np.ndarray:
    """Return the mask float32 (MASK_SIZE, MASK_SIZE) in [0, 1] of landmarks (68, 2) in a crop of that size.

    1 on the face from chin to forehead, 0 on hair and background, which the generator invents, and at the crop's edge.
    """
    eyes = (landmarks[RIGHT_EYE].mean(0) + landmarks[LEFT_EYE].mean(0)) / 2
    up = (eyes - landmarks[8]) * FOREHEAD
    brows = landmarks[17:27]
    outline = np.concatenate([landmarks, eyes + (brows - eyes) * 0.9 + up])
    mask: np.ndarray = np.zeros((MASK_SIZE, MASK_SIZE), np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(outline).astype(np.int32)), 1.0)
    reach = 2 * round(REACH * MASK_SIZE) + 1
    mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    edge = round(MARGIN * MASK_SIZE)
    mask[:edge], mask[-edge:], mask[:, :edge], mask[:, -edge:] = 0, 0, 0, 0
    mask = cv2.GaussianBlur(mask, (0, 0), FEATHER * MASK_SIZE / 2)
    return np.ascontiguousarray(np.clip(mask, 0, 1))
