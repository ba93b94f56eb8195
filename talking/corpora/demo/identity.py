"""Who a drawn face is: the geometry, colours, hair and dress of one identity, drawn at random but plausibly."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Colour = tuple[float, float, float]
HairStyle = Literal["crop", "buzz", "swept", "long", "bob", "tied", "fringe", "bald"]
BeardStyle = Literal["none", "stubble", "short", "full", "moustache", "goatee"]
ShirtStyle = Literal["crew", "vee", "collar"]

_SKIN = (
    np.array([(240, 208, 190), (228, 186, 162), (206, 158, 130), (182, 132, 102), (152, 108, 82), (128, 90, 70)]) / 255
)
_HAIR = {
    "black": (0.085, 0.075, 0.075),
    "dark": (0.17, 0.115, 0.085),
    "brown": (0.32, 0.21, 0.13),
    "chestnut": (0.42, 0.23, 0.12),
    "blond": (0.72, 0.56, 0.34),
    "red": (0.50, 0.26, 0.14),
    "grey": (0.56, 0.55, 0.54),
}
_IRIS = {
    "brown": (0.30, 0.18, 0.10),
    "hazel": (0.42, 0.32, 0.17),
    "blue": (0.34, 0.45, 0.56),
    "green": (0.35, 0.42, 0.31),
}


@dataclass(frozen=True)
class Identity:
    """All that distinguishes one drawn person from another.

    Lengths are in units of the distance between the outer corners of the eyes, measured from the point between the
    eyes, x to the right and y down in the picture; colours are sRGB in [0, 1]; `seed` fixes the fine texture.
    """

    seed: int
    feminine: bool
    age: float
    size: float
    head_top: float
    face_width: float
    cheek_width: float
    jaw_width: float
    chin_width: float
    chin_length: float
    roundness: float
    brow_y: float
    brow_tilt: float
    brow_thickness: float
    brow_colour: Colour
    eye_width: float
    eye_height: float
    eye_tilt: float
    lid_crease: float
    lashes: float
    iris: Colour
    nose_length: float
    nose_width: float
    nose_height: float
    mouth_y: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    cupid: float
    mouth_droop: float
    lip_tint: Colour
    skin: Colour
    blush: float
    freckles: float
    hair_style: HairStyle
    hair_colour: Colour
    hair_volume: float
    hair_wave: float
    hairline: float
    parting: float
    hair_length: float
    beard: BeardStyle
    beard_density: float
    glasses: bool
    glasses_round: float
    glasses_colour: Colour
    neck_width: float
    shirt: ShirtStyle
    shirt_colour: Colour
    background: Colour
    light_x: float


def draw_identity(rng: np.random.Generator) -> Identity:
    """One identity from a seeded generator; the same state of the generator gives the same identity."""
    feminine = bool(rng.random() < 0.5)
    tone = float(np.clip(rng.beta(1.1, 1.6), 0, 1))
    age = float(rng.beta(1.5, 2.2))
    hair = _hair_colour(rng, tone, age)
    features = _features(rng, feminine)
    return Identity(
        seed=int(rng.integers(2**31)),
        feminine=feminine,
        age=age,
        **_bones(rng, feminine),
        **features,
        **_mouth(rng, feminine, tone, features["nose_length"]),
        **_skin(rng, tone),
        **_hair(rng, feminine, age),
        **_beard(rng, feminine),
        hair_colour=hair,
        brow_colour=_mix(hair, (0.10, 0.07, 0.055), 0.55),
        iris=_iris(rng, tone),
        **_dress(rng, feminine),
    )


def _near(rng: np.random.Generator, mean: float, deviation: float) -> float:
    """A normal number cut off at two deviations, so that no face leaves the plausible."""
    return float(mean + deviation * np.clip(rng.standard_normal(), -2, 2))


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    r, g, b = (float(a * (1 - share) + c * share) for a, c in zip(first, second, strict=True))
    return r, g, b


def _jitter(rng: np.random.Generator, colour: Colour, deviation: float, hue: float = 0.16) -> Colour:
    """Vary the brightness of a colour by `deviation`, and its channels against each other by the share `hue` of it."""
    common = rng.normal(0, deviation)
    r, g, b = (float(np.clip(c * (1 + common + rng.normal(0, deviation * hue)), 0, 1)) for c in colour)
    return r, g, b


def _bones(rng: np.random.Generator, feminine: bool) -> dict[str, Any]:
    f = 1.0 if feminine else 0.0
    return {
        "size": _near(rng, 1.0, 0.03),
        "head_top": _near(rng, 1.40, 0.04),
        "face_width": _near(rng, 1.0 - 0.01 * f, 0.025),
        "cheek_width": _near(rng, 0.015 * f, 0.018),
        "jaw_width": _near(rng, 0.015 - 0.045 * f, 0.028),
        "chin_width": _near(rng, 0.03 - 0.045 * f, 0.025),
        "chin_length": _near(rng, 1.41 - 0.05 * f, 0.045),
        "roundness": _near(rng, 2.35, 0.12),
        "neck_width": _near(rng, 0.58 - 0.10 * f, 0.025),
        "light_x": _near(rng, -0.3, 0.2),
    }


def _features(rng: np.random.Generator, feminine: bool) -> dict[str, Any]:
    f = 1.0 if feminine else 0.0
    return {
        "brow_y": _near(rng, -0.245 - 0.02 * f, 0.014),
        "brow_tilt": _near(rng, 0.0 + 0.012 * f, 0.014),
        "brow_thickness": _near(rng, 0.040 - 0.014 * f, 0.005),
        "eye_width": _near(rng, 0.294, 0.009),
        "eye_height": _near(rng, 0.104 + 0.010 * f, 0.008),
        "eye_tilt": _near(rng, 0.008 + 0.006 * f, 0.009),
        "lid_crease": _near(rng, 0.036, 0.008),
        "lashes": _near(rng, 0.35 + 0.45 * f, 0.1),
        "nose_length": _near(rng, 0.555 - 0.01 * f, 0.02),
        "nose_width": _near(rng, 0.168 - 0.012 * f, 0.013),
        "nose_height": _near(rng, 1.0 - 0.08 * f, 0.1),
    }


def _mouth(rng: np.random.Generator, feminine: bool, tone: float, nose: float) -> dict[str, Any]:
    f = 1.0 if feminine else 0.0
    made_up = f * float(rng.random() < 0.5) * rng.uniform(0.3, 1.0)
    natural = _mix((0.90, 0.66, 0.66), (1.10, 0.78, 0.82), tone)
    tint = _mix(_jitter(rng, natural, 0.04), (0.84, 0.42, 0.45), float(made_up) * 0.8)
    return {
        "mouth_y": nose + _near(rng, 0.291, 0.011),
        "mouth_width": _near(rng, 0.288 - 0.01 * f, 0.013),
        "upper_lip": _near(rng, 0.068 + 0.012 * f + 0.012 * tone, 0.008),
        "lower_lip": _near(rng, 0.098 + 0.014 * f + 0.012 * tone, 0.010),
        "cupid": _near(rng, 0.20, 0.06),
        "mouth_droop": _near(rng, -0.002, 0.007),
        "lip_tint": tint,
    }


def _skin(rng: np.random.Generator, tone: float) -> dict[str, Any]:
    place = tone * (len(_SKIN) - 1)
    r, g, b = (float(np.interp(place, np.arange(len(_SKIN)), _SKIN[:, c])) for c in range(3))
    return {
        "skin": _jitter(rng, (r, g, b), 0.025),
        "blush": float(rng.uniform(0.2, 1.0) * (1 - 0.6 * tone)),
        "freckles": float(max(0.0, rng.normal(-0.5, 0.8)) * (1 - tone)),
    }


def _hair_colour(rng: np.random.Generator, tone: float, age: float) -> Colour:
    if age > 0.6 and rng.random() < 0.45:
        return _jitter(rng, _HAIR["grey"], 0.15, hue=0.04)
    names = ["black", "dark"] if tone > 0.5 else ["black", "dark", "brown", "chestnut", "blond", "red"]
    weights = [0.6, 0.4] if tone > 0.5 else [0.12, 0.25, 0.27, 0.13, 0.16, 0.07]
    return _jitter(rng, _HAIR[str(rng.choice(names, p=weights))], 0.12)


def _iris(rng: np.random.Generator, tone: float) -> Colour:
    weights = [0.9, 0.1, 0.0, 0.0] if tone > 0.5 else [0.3, 0.2, 0.32, 0.18]
    return _jitter(rng, _IRIS[str(rng.choice(list(_IRIS), p=weights))], 0.1)


def _hair(rng: np.random.Generator, feminine: bool, age: float) -> dict[str, Any]:
    styles = ["long", "bob", "tied", "fringe", "crop"] if feminine else ["crop", "swept", "fringe", "buzz", "bald"]
    weights = [0.36, 0.22, 0.2, 0.17, 0.05] if feminine else [0.36, 0.30, 0.12, 0.14, 0.08]
    return {
        "hair_style": str(rng.choice(styles, p=weights)),
        "hair_volume": _near(rng, 0.09 if feminine else 0.075, 0.02),
        "hair_wave": float(rng.beta(1.0, 2.0)),
        "hairline": _near(rng, -0.80 - (0.0 if feminine else 0.06 * age), 0.025),
        "parting": float(rng.choice([-1, 1]) * rng.uniform(0.0, 0.3)),
        "hair_length": float(rng.uniform(1.2, 2.4)),
    }


def _beard(rng: np.random.Generator, feminine: bool) -> dict[str, Any]:
    styles = ["none", "stubble", "short", "full", "moustache", "goatee"]
    style = "none" if feminine else str(rng.choice(styles, p=[0.46, 0.24, 0.12, 0.06, 0.05, 0.07]))
    return {"beard": style, "beard_density": float(rng.uniform(0.6, 1.0))}


def _dress(rng: np.random.Generator, feminine: bool) -> dict[str, Any]:
    shirts = [(0.16, 0.17, 0.2), (0.62, 0.64, 0.66), (0.2, 0.27, 0.42), (0.45, 0.14, 0.16), (0.2, 0.36, 0.3)]
    shirts += [(0.86, 0.86, 0.84), (0.66, 0.52, 0.62), (0.5, 0.42, 0.3)]
    frames = [(0.07, 0.06, 0.06), (0.28, 0.16, 0.09), (0.45, 0.45, 0.47)]
    return {
        "glasses": bool(rng.random() < 0.16),
        "glasses_round": float(rng.uniform(2.2, 4.5)),
        "glasses_colour": frames[int(rng.integers(len(frames)))],
        "shirt": str(rng.choice(["crew", "vee", "collar"], p=[0.45, 0.35, 0.2] if feminine else [0.5, 0.15, 0.35])),
        "shirt_colour": _jitter(rng, shirts[int(rng.integers(len(shirts)))], 0.12),
        "background": _jitter(rng, _mix((0.16, 0.47, 0.72), (0.42, 0.52, 0.60), float(rng.random())), 0.07),
    }
