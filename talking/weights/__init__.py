"""Published weights: the catalogue, and their reading, storing, checking and use, running no code that they hold."""

from talking.models.stored import load_network, save_network
from talking.weights.backbones import kept_backbone, published_backbone
from talking.weights.catalogue import CATALOGUE, PublishedWeights, matches_digest, published
from talking.weights.checkpoints import PspWeights, convert_psp, convert_stylegan2
from talking.weights.folder import add_file, check_folder, load_added
from talking.weights.nvidia import convert_nvidia

__all__ = [
    "CATALOGUE",
    "PspWeights",
    "PublishedWeights",
    "add_file",
    "check_folder",
    "convert_nvidia",
    "convert_psp",
    "convert_stylegan2",
    "kept_backbone",
    "load_added",
    "load_network",
    "matches_digest",
    "published",
    "published_backbone",
    "save_network",
]
