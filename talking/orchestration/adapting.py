"""What each test speaker's generator is tuned on, of the clips that could be aligned."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from talking.corpora.manifest import ManifestRow
from talking.corpora.roles import TESTED, Adaptation, AdaptOn, adaptations
from talking.data.masks import faces_in
from talking.data.members import LANDMARKS
from talking.data.shards import ShardFolder, decode_array
from talking.orchestration.clips import keys_of, rows_of


def chosen_adaptations(
    manifest: Path, aligned: ShardFolder, on: AdaptOn, splits: Sequence[str] = TESTED
) -> list[Adaptation]:
    """Return what each speaker's generator is tuned on, of the clips that could be aligned."""

    def faces_of(row: ManifestRow) -> np.ndarray:
        members = aligned.clip(row.key).members
        return faces_in(members, len(decode_array(members[LANDMARKS])))

    return adaptations(rows_of(manifest), keys_of(manifest, aligned), on=on, faces_of=faces_of, splits=splits)
