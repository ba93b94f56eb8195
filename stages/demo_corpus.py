"""Stage demo_corpus: recordings in GRID's layout, of speakers that are drawn and spoken by code."""

from pathlib import Path

from stages.common import run_stage
from talking.config import Params
from talking.corpora.demo.writer import write_demo_corpus


def main(params: Params, recordings: Path) -> None:
    """Write the recordings."""
    sizes = params.demo_corpus
    write_demo_corpus(recordings, speakers=sizes.speakers, clips=sizes.clips, seed=params.seed)


if __name__ == "__main__":
    run_stage(main, __doc__, "recordings")
