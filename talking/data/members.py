"""The members of a clip's sample in the shards, by name: what each stage writes and the later ones read."""

VIDEO = "video.mkv"  # resample: 25 constant frames a second, lossless
SOUND = "sound.wav"  # resample: 16 kHz mono
META = "meta.json"  # resample: what the recording was, and how many frames it has
CROPS = "crops.mp4"  # align: the FFHQ crop of every frame
WHOLE = "whole.mp4"  # align: one square for the whole clip, in which the head moves
LANDMARKS = "landmarks.npy"  # align: (T, 68, 2) float32, pixels of the frame; of a face set, of its picture
QUADS = "quads.npy"  # align: (T, 4, 2) float32, pixels of the frame
FACES = "faces.npy"  # align, and invert after it: (T,) bool, which frames show a face
SQUARE = "square.npy"  # align: (3,) float32, left, top and side of the whole clip's square, pixels of the frame
CODES = "codes.npy"  # invert: (T, L, 512) float16
WINDOWS = "windows.npy"  # mfcc: (T, 12, 28) float32
ALTERED = "altered.npy"  # mfcc: (N, T, 12, 28) float32, the clip's sound in other voices and rooms
MOUTH = "mouth.npy"  # synthetic speech: (T, 5) float32, the exact shape of the mouth
PICTURE = "image.png"  # a face set: one aligned still
