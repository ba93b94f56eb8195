"""The reader of GRID (Cooke et al. 2006): 34 speakers of 1,000 six-word sentences each; the demo corpus has its layout.

Videos are looked for in `s<k>/`, `s<k>/video/mpg_6000/` (as the high-quality archives unpack), `s<k>/video/` and the
same below `video/`, `S<k>` being read as `s<k>`; those in other folders are remarked on. Word times lie in
`alignments/s<k>/`, `align/s<k>/` and `s<k>/align/`; phones, which only the demo corpus has, in
`phones/s<k>/<name>.json`: GRID's own are told from its words. The sentence is spelt by the file's name. GRID's separate
sound files are not read: they are shorter than the videos, whose own sound is in step with the pictures. Nothing is
decoded here: broken videos are found when they are resampled.
"""

import re
from dataclasses import replace
from pathlib import Path

from talking.core.errors import Rejected, TalkingError
from talking.core.wording import shown
from talking.corpora.clip import Clip, Segment
from talking.corpora.grammar import sentence_of
from talking.corpora.grid_labels import WordFolders
from talking.corpora.grid_phones import phones_of
from talking.corpora.labels import read_align, read_json_segments
from talking.corpora.listing import natural_key, subfolders, unreadable_videos, videos_in
from talking.corpora.rejects import Reject

CORPUS = "grid"
_SPEAKER = re.compile(r"s[0-9]+", re.IGNORECASE)
_VIDEO_FOLDERS = ("video/mpg_6000", "video", "")  # the best pictures first: a clip that lies twice is read once


def read_grid(root: Path, corpus: str = CORPUS) -> tuple[list[Clip], list[Reject]]:
    """Return the clips below `root`, speakers and names in natural order, and what was refused or remarked on.

    `corpus` is the name that the clips bear; another corpus in GRID's layout, such as the demo's, gives its own.
    """
    clips: list[Clip] = []
    rejects = _unread(root)
    word_folders = WordFolders(root)
    for speaker, homes in _speakers(root).items():
        videos = _videos(speaker, homes, rejects)
        clips += [replace(clip, corpus=corpus) for clip in _read_speaker(root, speaker, videos, word_folders, rejects)]
    return clips, rejects


def _speakers(root: Path) -> dict[str, list[Path]]:
    homes: dict[str, list[Path]] = {}
    for base in (root, root / "video"):
        for folder in subfolders(base):
            if _SPEAKER.fullmatch(folder.name):
                homes.setdefault(folder.name.lower(), []).append(folder)
    return dict(sorted(homes.items(), key=lambda item: natural_key(item[0])))


def _unread(root: Path) -> list[Reject]:
    """Return a remark on each place with videos that is no speaker's."""
    places = [root, *(folder for base in (root, root / "video") for folder in subfolders(base))]
    remarks = []
    for place in places:
        if place == root / "video" or (_SPEAKER.fullmatch(place.name) and place != root):
            continue
        if found := [path for sub in _VIDEO_FOLDERS for path in videos_in(place / sub)]:
            said = (
                f"{place}: {len(found)} videos were not read, such as {found[0].name}: each has to lie in the folder "
                "of its speaker, called s1, s2, ...; move them there, or leave them out."
            )
            remarks.append(Reject(place.name, "", str(place), "name", said, note=True))
    return remarks


def _videos(speaker: str, homes: list[Path], rejects: list[Reject]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    twice: list[Path] = []
    for path in (path for home in homes for sub in _VIDEO_FOLDERS for path in videos_in(home / sub)):
        if found.setdefault(path.stem, path) != path:
            twice.append(path)
    for path in (path for home in homes for sub in _VIDEO_FOLDERS for path in unreadable_videos(home / sub)):
        said = f"{path} is a link to nothing, or no file: put the video there."
        rejects.append(Reject(f"{speaker}_{path.stem}", speaker, str(path), "video", said))
    if twice:
        said = f"{speaker}: {len(twice)} clips lie twice; {found[twice[0].stem]} was read, {twice[0]} was not."
        rejects.append(Reject(speaker, speaker, str(twice[0].parent), "duplicate", said, note=True))
    if not found:
        rejects.append(_without_video(speaker, homes[0]))
    return found


def _without_video(speaker: str, folder: Path) -> Reject:
    due = "GRID has none of s21, nothing need be done" if speaker == "s21" else "unpack its videos there"
    return Reject(speaker, speaker, str(folder), "video", f"{folder} holds no video of {speaker}: {due}.", note=True)


def _read_speaker(
    root: Path, speaker: str, videos: dict[str, Path], word_folders: WordFolders, rejects: list[Reject]
) -> list[Clip]:
    words = word_folders.of(speaker, videos)
    if words.remark:
        rejects.append(Reject(speaker, speaker, str(root), "labels", words.remark, note=True))
    clips = []
    for name, path in sorted(videos.items(), key=lambda item: natural_key(item[0])):
        try:
            sentence = sentence_of(name)
        except Rejected as error:
            rejects.append(Reject(f"{speaker}_{name}", speaker, str(path), error.reason, f"{path}: {error.sentence}"))
            continue
        times = _words(speaker, sentence, name, words.files.get(name), rejects)
        phones = _phones(speaker, name, root / "phones" / speaker / f"{name}.json", rejects) or phones_of(times)
        clips.append(Clip(CORPUS, speaker, name, path, sentence, times, phones))
    return clips


def _words(speaker: str, sentence: str, name: str, path: Path | None, rejects: list[Reject]) -> tuple[Segment, ...]:
    if path is None:
        return ()
    try:
        words = read_align(path)
        spoken = " ".join(word.text for word in words)
        if spoken == sentence:
            return words
        said = f"{path} has the words {shown(spoken)} where the name says {sentence!r}: its times were not used."
    except TalkingError as error:
        said = f"{error} The clip was kept without word times."
    rejects.append(Reject(f"{speaker}_{name}", speaker, str(path), "labels", said, note=True))
    return ()


def _phones(speaker: str, name: str, path: Path, rejects: list[Reject]) -> tuple[Segment, ...]:
    if not path.is_file():
        return ()
    try:
        return read_json_segments(path)
    except TalkingError as error:
        said = f"{error} The clip was kept without phones."
        rejects.append(Reject(f"{speaker}_{name}", speaker, str(path), "labels", said, note=True))
        return ()
