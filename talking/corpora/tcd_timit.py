"""The reader of TCD-TIMIT (Harte and Gillen 2015): 59 volunteers and 3 lipspeakers, about 100 TIMIT sentences each.

Videos are looked for in `volunteers/<id>/Clips/straightcam/*.mp4` (ids 01M, 33F ...) and in
`lipspeakers/Lipspkr1/Clips/straightcam/*.mp4`, with or without `Clips`; the camera at 30 degrees is not read.

What is taken of labels, each where it exists:
- phones: HTK master label files (`volunteer_labelfiles.mlf`, `lipspeaker_labelfiles.mlf`, as the corpus ships them) in
  the root or its direct subfolders, whose entries are named `.../volunteers/01M/Clips/straightcam/sa1.rec`, times in
  100 ns; else, beside the video, `sa1.rec` or `sa1.lab` (HTK) or `sa1.phn` (TIMIT, samples at 16 kHz);
- words: master label files with `word` in their name; else `sa1.wrd` (TIMIT) beside the video;
- the sentence: `sa1.txt` beside the video, TIMIT's leading sample numbers cut off; else the words joined; else empty.

The layout is that of public code that reads the corpus; its licence forbids passing recordings on, so this reader is
tested on drawn clips in the same layout.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from talking.core.errors import TalkingError
from talking.corpora.clip import Clip, Segment
from talking.corpora.labels import TIMIT_UNITS_PER_S, read_htk, read_mlf, read_segments
from talking.corpora.listing import files_in, folder_named, subfolders, unreadable_videos, videos_in
from talking.corpora.rejects import Reject

CORPUS = "tcd_timit"
GROUPS = ("volunteers", "lipspeakers")
_CAMERA = "straightcam"
_HTK_SUFFIXES = (".rec", ".lab")
_NAME = re.compile(r"[A-Za-z0-9-]+")
_SAMPLE_NUMBERS = re.compile(r"^\s*[0-9]+\s+[0-9]+\s+")

Entries = dict[tuple[str, str], tuple[Segment, ...]]


@dataclass(frozen=True)
class _MasterLabels:
    """Labels of all clips by (speaker, name), both in lower case, since Windows wrote the paths in either."""

    phones: Entries = field(default_factory=dict)
    words: Entries = field(default_factory=dict)


def read_tcd_timit(root: Path, corpus: str = CORPUS) -> tuple[list[Clip], list[Reject]]:
    """Return the clips below `root`, speakers and names in natural order, and what was refused or remarked on."""
    clips: list[Clip] = []
    rejects: list[Reject] = []
    labels = _master_labels(root, rejects)
    rejects += _outside(root)
    for folder in (folder for group in GROUPS for folder in subfolders(folder_named(root, group))):
        cameras = _cameras(folder)
        rejects += [_unreadable(folder.name, path) for camera in cameras for path in unreadable_videos(camera)]
        videos = next((found for camera in cameras if (found := videos_in(camera))), [])
        if not videos:
            said = f"{folder} has no videos in Clips/{_CAMERA}: unpack them there."
            rejects.append(Reject(folder.name, folder.name, str(folder), "video", said, note=True))
        for path in videos:
            if _NAME.fullmatch(path.stem) and _NAME.fullmatch(folder.name):
                clips.append(_read_clip(corpus, folder.name, path, labels, rejects))
            else:
                rejects.append(_misnamed(folder.name, path))
    return clips, rejects


def _cameras(folder: Path) -> tuple[Path, Path]:
    """Return where a speaker's videos may lie, however the folders' names are spelt in capitals."""
    return folder_named(folder_named(folder, "Clips"), _CAMERA), folder_named(folder, _CAMERA)


def _outside(root: Path) -> list[Reject]:
    """Return a remark on each speaker's folder that lies beside the groups, and not in one."""
    return [
        Reject(
            folder.name,
            folder.name,
            str(folder),
            "name",
            f"{folder} was not read: put it into {' or '.join(f'{root / group}' for group in GROUPS)}.",
            note=True,
        )
        for folder in subfolders(root)
        if folder.name.lower() not in GROUPS and any(videos_in(camera) for camera in _cameras(folder))
    ]


def _unreadable(speaker: str, path: Path) -> Reject:
    said = f"{path} is a link to nothing, or no file: put the video there."
    return Reject(f"{speaker}_{path.stem}", speaker, str(path), "video", said)


def _misnamed(speaker: str, path: Path) -> Reject:
    said = f"{path}: the names of speaker and clip may have letters, digits and hyphens alone; rename the file."
    return Reject(f"{speaker}_{path.stem}", speaker, str(path), "name", said)


def _read_clip(corpus: str, speaker: str, path: Path, labels: _MasterLabels, rejects: list[Reject]) -> Clip:
    entry = (speaker.lower(), path.stem.lower())
    phones = labels.phones.get(entry) or _beside(path, speaker, (*_HTK_SUFFIXES, ".phn"), rejects)
    words = labels.words.get(entry) or _beside(path, speaker, (".wrd",), rejects)
    sentence = _sentence(path.with_suffix(".txt")) or " ".join(word.text for word in words)
    return Clip(corpus, speaker, path.stem, path, sentence, words, phones)


def _beside(path: Path, speaker: str, suffixes: tuple[str, ...], rejects: list[Reject]) -> tuple[Segment, ...]:
    file = next((file for suffix in suffixes if (file := path.with_suffix(suffix)).is_file()), None)
    if file is None:
        return ()
    try:
        return read_htk(file) if file.suffix in _HTK_SUFFIXES else read_segments(file, TIMIT_UNITS_PER_S)
    except TalkingError as error:
        rejects.append(_remark(f"{speaker}_{path.stem}", speaker, file, error))
        return ()


def _master_labels(root: Path, rejects: list[Reject]) -> _MasterLabels:
    labels = _MasterLabels()
    for file in (file for folder in (root, *subfolders(root)) for file in files_in(folder, (".mlf",))):
        try:
            entries = read_mlf(file)
        except TalkingError as error:
            rejects.append(_remark(file.stem, "", file, error))
            continue
        kind = labels.words if "word" in file.stem.lower() else labels.phones
        for name, segments in entries.items():
            kind.setdefault(_entry(name), segments)
    return labels


def _entry(name: str) -> tuple[str, str]:
    """Return lower-case (speaker, clip) of `Q:/x/volunteers/01M/Clips/straightcam/sa1`; without a group ("", clip)."""
    pieces = name.lower().split("/")
    group = next((place for place, piece in enumerate(pieces[:-1]) if piece in GROUPS), None)
    other_camera = group is not None and len(pieces) - group > 3 and _CAMERA not in pieces
    return ("" if group is None or other_camera else pieces[group + 1]), pieces[-1]


def _sentence(path: Path) -> str:
    """Return the prompt in a TIMIT text file, `0 46797 She had your dark suit.` or the same a word a line."""
    if not path.is_file():
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return " ".join(" ".join(_SAMPLE_NUMBERS.sub("", line) for line in lines).split())


def _remark(key: str, speaker: str, file: Path, error: TalkingError) -> Reject:
    said = f"{error} What it labels was kept without these labels."
    return Reject(key, speaker, str(file), "labels", said, note=True)
