"""Stage face_set: stills of thousands of drawn identities, which the demo's backbone is trained on."""

from pathlib import Path

from talking.corpora.demo.stills import write_face_set
from talking.orchestration.params import Params
from talking.orchestration.stage import run_stage


def main(params: Params, faces: Path) -> None:
    """Write the face set."""
    sizes = params.demo_corpus
    write_face_set(
        faces,
        count=sizes.identities,
        frames_per_identity=sizes.frames_per_identity,
        seed=params.seed,
        size=sizes.still_size,
    )


if __name__ == "__main__":
    run_stage(main, __doc__, "faces")
