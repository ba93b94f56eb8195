"""Stage demo_corpus: recordings in GRID's layout, of speakers that are drawn and spoken by code."""

from pathlib import Path

from talking.corpora.demo.writer import write_demo_corpus
from talking.orchestration.params import Params
from talking.orchestration.stage import run_stage


def main(params: Params, recordings: Path) -> None:
    """Write the recordings."""
    sizes = params.demo_corpus
    write_demo_corpus(recordings, speakers=sizes.speakers, clips=sizes.clips, seed=params.seed)


if __name__ == "__main__":
    run_stage(main, __doc__, "recordings")
