"""What a file says of its streams, read in one place: which is the film, which the sound, pixels, colours, length.

ffmpeg's own summary of the file is read, since ffprobe does not come with the wheel of ffmpeg.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from talking.core.errors import Rejected
from talking.media.ffmpeg import has_filter, input_command, run

_STREAM = re.compile(r"^\[info\]\s+Stream #0:(\d+)(?:\[0x[0-9a-f]+\])?(?:\([^)]*\))?: (Video|Audio): (\w+)(.*)$")
_DURATION = re.compile(r"^\[info\]\s+Duration: (\d+):(\d+):(\d+\.\d+)")
_FORMAT = re.compile(r"^\[info\] Input #0, (\S+), from ")
_GUESSED = "Estimating duration from bitrate"
_SIZE = re.compile(r", (\w+)(?:\(((?:[^()]|\([^()]*\))*)\))?, (\d+)x(\d+)(?= |,|$)")
_ASPECT = re.compile(r"SAR (\d+):(\d+) DAR")
_RATE = re.compile(r" (\d+(?:\.\d+)?)(k?) fps")
_COLOURS = re.compile(r"^[a-z0-9-]+(/[a-z0-9-]+/[a-z0-9-]+)?$")
_SOUND = re.compile(r", (\d+) Hz, ([^,]+?)(?:,|$)")
_NO_OUTPUT = "At least one output file must be specified"

HDR = {"smpte2084": "PQ", "arib-std-b67": "HLG"}
# Primaries wider than BT.709's; those of old television differ from it by less than an eye sees on a face.
_WIDE = ("bt2020", "smpte431", "smpte432")
_STILL_CODECS = ("bmp", "mjpeg", "png", "webp")
# Formats that are packets laid end to end: the times that ffmpeg gives them go by the rate of the first one alone.
_UNTIMED = ("aac", "ac3", "dts", "eac3", "loas", "mp2", "mp3", "truehd")
# Pixels further from square than this are a damaged header, and a scaling to them would take any memory.
_MOST_ASPECT = 4


@dataclass(frozen=True)
class PictureStream:
    """A stream of pictures. `aspect` is the width of a pixel divided by its height; colours are "" where untold."""

    index: int
    codec: str
    pixel_format: str
    width: int
    height: int
    rate: Fraction
    aspect: Fraction
    matrix: str
    primaries: str
    transfer: str
    range: str

    @property
    def hdr(self) -> str:
        """The kind of high dynamic range, "PQ" or "HLG", or "" for an ordinary film."""
        return HDR.get(self.transfer, "")

    @property
    def wide(self) -> bool:
        """Whether the colours must be brought into those of BT.709."""
        return bool(self.hdr) or self.primaries in _WIDE

    @property
    def square(self) -> bool:
        """Whether the pixels are square, to less than one pixel over the whole picture."""
        return round(self.width * self.aspect) == self.width or round(self.height / self.aspect) == self.height

    @property
    def untold_hd(self) -> bool:
        """Whether this is a large picture that does not tell its matrix: BT.709 is then meant, as players assume."""
        of_yuv = self.pixel_format.startswith(("yuv4", "nv", "p0"))
        return of_yuv and not self.matrix and (self.width >= 1280 or self.height > 576)


@dataclass(frozen=True)
class SoundStream:
    """A stream of sound: its rate in Hz, and its layout as ffmpeg names it, such as `stereo` or `9 channels`."""

    index: int
    rate: int
    layout: str

    @property
    def unnamed_channels(self) -> int:
        """How many channels there are where nothing says what each one is, else 0."""
        found = re.match(r"(\d+) channels", self.layout)
        return int(found[1]) if found else 0


@dataclass(frozen=True)
class StreamInfo:
    """What a file says of itself: the film in it, the sound that goes with it, and its length where it declares one.

    `timed` says whether its packets carry times, so that one which is missing leaves a hole.
    """

    picture: PictureStream | None
    sound: SoundStream | None
    declared_s: float | None
    timed: bool


def read_stream_info(path: Path) -> StreamInfo:
    """Return what a file says of its streams; raises `Rejected` ("undecodable") where ffmpeg cannot open it.

    Of several films the one marked default is taken, never cover art; of several sounds the one marked default.
    """
    return _info_of(run(input_command(path), path, unless=_NO_OUTPUT).log)


def read_picture_info(path: Path) -> PictureStream:
    """Return what a file says of its film; raises `Rejected` ("undecodable") where it holds none that can be shown."""
    picture = read_stream_info(path).picture
    if picture is None:
        raise Rejected("undecodable", f"{path} has no film in it: give a video.")
    check_picture(path, picture)
    return picture


def check_picture(path: Path, picture: PictureStream) -> None:
    """Raise `Rejected` ("undecodable") for a film whose pixels or colours cannot be brought to ordinary ones here."""
    if not Fraction(1, _MOST_ASPECT) <= picture.aspect <= _MOST_ASPECT:
        shape = f"{picture.aspect.numerator}:{picture.aspect.denominator}"
        raise Rejected("undecodable", f"{path} declares pixels of {shape}, which no camera has: convert it first.")
    if picture.wide and not has_filter("zscale"):
        colours = picture.hdr or picture.primaries
        raise Rejected(
            "undecodable",
            f"{path} is a film in {colours} colours, which this ffmpeg cannot convert: "
            "install an ffmpeg that has the filter zscale, or convert the film to BT.709 first.",
        )


def plain_filters(picture: PictureStream) -> list[tuple[str, dict[str, str]]]:
    """Return ffmpeg's filters, names and options, that make a film's frames ordinary: square pixels, colours of BT.709.

    There are none for a film that is so already. High dynamic range is mapped so that BT.2408's reference white, 203
    candela, becomes nearly white: light up to half of it stays as it is, and what is brighter is rolled off.
    """
    filters: list[tuple[str, dict[str, str]]] = []
    if picture.wide:
        filters += _to_bt709(picture)
    elif picture.untold_hd:
        filters.append(("setparams", {"colorspace": "bt709"}))
    if not picture.square:
        # The longer way is taken, so that no detail is lost; a frame knows its aspect after it was turned upright.
        size = {"w": "if(gt(sar,1),round(iw*sar),iw)", "h": "if(lt(sar,1),round(ih/sar),ih)"}
        filters += [("scale", {**size, "flags": "bicubic+bitexact+accurate_rnd"}), ("setsar", {"sar": "1"})]
    return filters


def _to_bt709(picture: PictureStream) -> list[tuple[str, dict[str, str]]]:
    told = {
        "colorspace": picture.matrix or "bt2020nc",
        "color_primaries": picture.primaries or "bt2020",
        "color_trc": picture.transfer or "bt709",
        "range": picture.range or "tv",
    }
    linear = {"t": "linear", **({"npl": "203"} if picture.hdr else {})}
    tone = [("tonemap", {"tonemap": "mobius", "param": "0.5", "desat": "0"})] if picture.hdr else []
    return [
        ("setparams", told),
        ("zscale", linear),
        ("format", {"pix_fmts": "gbrpf32le"}),
        ("zscale", {"p": "bt709"}),
        *tone,
        ("zscale", {"t": "bt709", "m": "bt709", "r": "tv"}),
        ("format", {"pix_fmts": "yuv444p"}),
    ]


def _info_of(log: tuple[str, ...]) -> StreamInfo:
    pictures: list[tuple[tuple[bool, bool, int], PictureStream]] = []
    sounds: list[tuple[tuple[bool, int], SoundStream]] = []
    for found in filter(None, map(_STREAM.match, log)):
        index, kind, codec, rest = int(found[1]), found[2], found[3], found[4]
        default = "(default)" in rest
        if kind == "Audio":
            heard = _SOUND.search(rest)
            if heard:
                sounds.append(((not default, index), SoundStream(index, int(heard[1]), heard[2])))
        elif "(attached pic)" not in rest and (picture := _picture(index, codec, rest)):
            pictures.append(((not default, codec in _STILL_CODECS, index), picture))
    return StreamInfo(
        picture=min(pictures, key=lambda pair: pair[0])[1] if pictures else None,
        sound=min(sounds, key=lambda pair: pair[0])[1] if sounds else None,
        declared_s=_declared(log),
        timed=not any(found[1] in _UNTIMED for found in filter(None, map(_FORMAT.match, log))),
    )


def _picture(index: int, codec: str, rest: str) -> PictureStream | None:
    size, rate, aspect = _SIZE.search(rest), _RATE.search(rest), _aspect(rest)
    if size is None:
        return None
    parts = [part.strip() for part in (size[2] or "").split(",")]
    matrix, primaries, transfer = _colours(parts)
    return PictureStream(
        index=index,
        codec=codec,
        pixel_format=size[1],
        width=int(size[3]),
        height=int(size[4]),
        rate=_exact(float(rate[1]) * (1000 if rate[2] else 1)) if rate else Fraction(0),
        aspect=aspect,
        matrix=matrix,
        primaries=primaries,
        transfer=transfer,
        range=next((part for part in parts if part in ("tv", "pc")), ""),
    )


def _aspect(rest: str) -> Fraction:
    """Return the shape of a pixel; the container's word, which ffmpeg prints last, counts above the codec's."""
    told = _ASPECT.findall(rest)
    width, height = map(int, told[-1]) if told else (1, 1)
    return Fraction(width, height) if width and height else Fraction(1)


def _colours(parts: list[str]) -> tuple[str, str, str]:
    """Return matrix, primaries and transfer: ffmpeg prints one name where all three are alike."""
    told = next((part for part in parts if _COLOURS.match(part) and part not in ("tv", "pc", "progressive")), "")
    names = told.split("/") if "/" in told else [told] * 3
    matrix, primaries, transfer = ("" if name in ("unknown", "reserved") else name for name in names)
    return matrix, primaries, transfer


def _exact(printed: float) -> Fraction:
    """Return the rate that ffmpeg rounds in print: 29.97 is 30000/1001."""
    return Fraction(printed) if printed.is_integer() else Fraction(round(printed * 1.001) * 1000, 1001)


def _declared(log: tuple[str, ...]) -> float | None:
    """Return the length that the container claims; one that ffmpeg had to guess is none."""
    if any(_GUESSED in line for line in log):
        return None
    found = next((found for line in log if (found := _DURATION.match(line))), None)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else None
