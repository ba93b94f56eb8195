"""Where GRID's word times lie, and the folder of them that truly belongs to a speaker."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from talking.corpora.listing import files_in, subfolders

MIN_SHARED = 10
"""Below this many names a wrong folder cannot be told from a sparse one."""
MISPLACED_SHARE = 0.5
"""Two speakers share 1 to 2 % of their sentences (1,000 of 64,000 each); a speaker and its own files, nearly all."""


@dataclass(frozen=True)
class WordFiles:
    """A speaker's `.align` files by name; `remark` says what was found wrong with their folder, or is empty."""

    files: dict[str, Path]
    remark: str = ""


class WordFolders:
    """All folders of word times below a GRID root: `alignments/s1`, `align/s1`, `s1/align`, `video/s1/align`.

    In GRID's Zenodo archive many folders of `alignments.zip` bear another speaker's number (those of s6 lie in
    `alignments/s5`, say). The sentences tell: a folder that shares hardly a name with its speaker's clips is not that
    speaker's, and the one that shares nearly all of them is.
    """

    def __init__(self, root: Path) -> None:
        self._files: dict[Path, dict[str, Path]] = {}
        self._own: dict[str, Path] = {}
        for folder in _candidates(root):
            files = {path.stem: path for path in files_in(folder, (".align",))}
            speaker = (folder.parent if folder.name == "align" else folder).name.lower()
            if files and speaker not in self._own:
                self._files[folder], self._own[speaker] = files, folder

    def of(self, speaker: str, names: Iterable[str]) -> WordFiles:
        """Return the word files of a speaker whose clips are called `names`."""
        names, folder = set(names), self._own.get(speaker)
        if folder is None:
            return WordFiles({})
        own = self._files[folder]
        few = min(len(own), len(names)) < MIN_SHARED
        if few or len(names & own.keys()) >= MISPLACED_SHARE * min(len(own), len(names)):
            return WordFiles(own)
        found = f"{folder} has word times of another speaker than {speaker} (hardly any clip shares its name)"
        right = self._fitting(names)
        if right is None:
            return WordFiles(
                {}, f"{found}: they were not used; get the alignments of {speaker} from the original site."
            )
        return WordFiles(self._files[right], f"{found}: those in {right}, which fit, were used; nothing need be done.")

    def _fitting(self, names: set[str]) -> Path | None:
        shared = {folder: len(names & files.keys()) for folder, files in self._files.items()}
        best = max(shared, key=lambda folder: shared[folder])
        return best if shared[best] >= max(MIN_SHARED, MISPLACED_SHARE * len(names)) else None


def _candidates(root: Path) -> list[Path]:
    below_speakers = [folder / "align" for base in (root, root / "video") for folder in subfolders(base)]
    return [*subfolders(root / "alignments"), *subfolders(root / "align"), *below_speakers]
