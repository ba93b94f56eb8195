"""What each test speaker's generator is tuned on, of the clips that could be aligned."""

from collections.abc import Sequence
from pathlib import Path

from talking.corpora.manifest import ManifestRow
from talking.corpora.roles import TESTED, Adaptation, AdaptOn, adaptations
from talking.data.members import LANDMARKS
from talking.data.shards import ShardFolder, decode_array
from talking.orchestration.clips import keys_of, rows_of


def chosen_adaptations(
    manifest: Path, aligned: ShardFolder, on: AdaptOn, splits: Sequence[str] = TESTED
) -> list[Adaptation]:
    """Return what each speaker's generator is tuned on, of the clips that could be aligned."""

    def length_of(row: ManifestRow) -> int:
        return len(decode_array(aligned.clip(row.key).members[LANDMARKS]))

    return adaptations(rows_of(manifest), keys_of(manifest, aligned), on=on, length_of=length_of, splits=splits)
