"""Stage corpus: raw clips -> manifest.parquet, a row per clip, split by speaker; rejects with reasons."""

from pathlib import Path

from talking.core.files import atomic_folder
from talking.corpora.manifest import make_manifest, split_clips, write_manifest
from talking.corpora.readers import read_corpus
from talking.corpora.rejects import check_rejects, write_rejects
from talking.orchestration.clips import MANIFEST
from talking.orchestration.params import Params
from talking.orchestration.stage import record, run_stage


def main(params: Params, raw: Path, out: Path) -> None:
    """Read the corpus that params choose, split it, and write the manifest and the rejects."""
    corpus = params.the_corpus
    clips, rejects = read_corpus(corpus.reader, raw, params.corpus)
    check_rejects(len(clips), rejects, corpus.max_rejected, params.corpus)
    splits = split_clips(
        clips,
        unseen_speakers=corpus.unseen_speakers,
        seen_clips=corpus.seen_clips,
        validation_speakers=corpus.validation_speakers,
        validation_clips=corpus.validation_clips,
        seed=params.seed,
    )
    rows = make_manifest(clips, splits, root=raw, clips_per_shard=corpus.clips_per_shard)
    with atomic_folder(out) as folder:
        write_manifest(folder / MANIFEST, rows)
        write_rejects(folder, rejects)
    refused = sum(not reject.note for reject in rejects)
    counts = {f"{split}_clips": list(splits.values()).count(split) for split in sorted(set(splits.values()))}
    print(f"corpus: {len(rows)} clips of {len({row.speaker for row in rows})} speakers, {refused} refused; {counts}")
    record(params, "corpus", {"clips": len(rows), "rejected": refused, **counts})


if __name__ == "__main__":
    run_stage(main, __doc__, "raw", "out")
