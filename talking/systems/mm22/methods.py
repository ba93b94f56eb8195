"""The system's own methods: its two stages, the floors that they must beat and the ceilings that they cannot."""

from talking.evaluation.methods import NO_GENERATOR, Method, MethodTable

OWN_G, TUNED_G = "G", "tuned G"
STATIC, WRONG_AUDIO, LINEAR = "static", "wrong_audio", "linear"
INVERSION, INVERSION_TUNED = "inversion", "inversion_tuned"
STAGE_ONE, STAGE_TWO = "stage_one", "stage_two"

# Floors are grey but for the linear one, so that the models stand out.
METHODS = MethodTable(
    (
        Method(STATIC, "the identity image repeated", "floor", NO_GENERATOR, None, "#BBBBBB", pictured=False),
        Method(
            WRONG_AUDIO,
            "the model driven by another clip's sound",
            "floor",
            TUNED_G,
            INVERSION_TUNED,
            "#888888",
            pictured=False,
        ),
        Method(
            LINEAR,
            "ridge regression from sound to codes",
            "floor",
            TUNED_G,
            INVERSION_TUNED,
            "#56B4E9",
            pictured=False,
            traced=True,
        ),
        Method(INVERSION, "the true frames inverted and drawn again by G", "ceiling", OWN_G, None, "#009E73"),
        Method(
            INVERSION_TUNED,
            "the true frames inverted and drawn again by the tuned G",
            "ceiling",
            TUNED_G,
            None,
            "#66C2A5",
            traced=True,
        ),
        Method(STAGE_ONE, "the model drawn by G", "model", OWN_G, INVERSION, "#E69F00"),
        Method(STAGE_TWO, "the model drawn by the tuned G", "model", TUNED_G, INVERSION_TUNED, "#D55E00", traced=True),
    ),
    reference=STAGE_TWO,
)
