"""Makes the demo corpus: recordings in GRID's layout, or the face set that the demo's backbone is trained on."""

import argparse
import sys
from pathlib import Path

from talking.config import load_params
from talking.corpora.demo.stills import write_face_set
from talking.corpora.demo.writer import write_demo_corpus
from talking.errors import TalkingError

PARAMS = Path("params.yaml")


def main(recordings: Path | None, faces: Path | None) -> None:
    """Write the recordings, the face set, or both; sizes come from params."""
    params = load_params(PARAMS)
    sizes = params.demo_corpus
    if recordings:
        write_demo_corpus(recordings, speakers=sizes.speakers, clips=sizes.clips, seed=params.seed)
    if faces:
        write_face_set(
            faces,
            count=sizes.identities,
            frames_per_identity=sizes.frames_per_identity,
            seed=params.seed,
            size=sizes.still_size,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--faces", type=Path)
    try:
        main(**vars(parser.parse_args()))
    except (TalkingError, OSError) as error:
        sys.exit(f"error: {error}")
