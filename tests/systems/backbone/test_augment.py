"""Augmentation: the landmarks stay on what they mark, and the light stays in range."""

import pytest
import torch

from talking.faces.landmarks import LEFT_EYE, MIRRORED, MOUTH_CORNERS, RIGHT_EYE
from talking.systems.backbone.augment import Augmentation, augmented

STILL = Augmentation(mirrored=0.0, shift=0.0, scale=0.0, turn=0.0, gain=0.0, offset=0.0)
SIZE = 32


@pytest.fixture
def draw() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def spot(x: float, y: float) -> torch.Tensor:
    """A picture (3, SIZE, SIZE) with a soft bright spot, its centre at pixel (x, y)."""
    across, down = torch.arange(SIZE) - x, torch.arange(SIZE) - y
    return (2 * torch.exp(-(across[None, :] ** 2 + down[:, None] ** 2) / 8) - 1).expand(3, -1, -1)


def centre_of(picture: torch.Tensor) -> torch.Tensor:
    """The spot's centre of light, x and y, in pixels."""
    light = (picture[0] + 1).clamp(min=0.05) - 0.05
    at = torch.arange(SIZE, dtype=torch.float32)
    return torch.stack([(light.sum(0) * at).sum(), (light.sum(1) * at).sum()]) / light.sum()


def test_landmarks_follow_the_picture_where_it_moves(draw) -> None:
    how = Augmentation(mirrored=0.5, shift=0.03, scale=0.05, turn=0.1, gain=0.0, offset=0.0)
    pictures = spot(19.0, 13.0).repeat(16, 1, 1, 1)
    landmarks = torch.tensor([19.0, 13.0]).expand(16, 68, 2)
    made, points = augmented(pictures, landmarks, draw, how)
    for picture, point in zip(made, points, strict=True):
        torch.testing.assert_close(centre_of(picture), point[0], atol=0.1, rtol=0)
    assert points[:, 0, 0].std() > 1


def test_a_mirrored_face_has_its_sides_exchanged(draw) -> None:
    how = Augmentation(mirrored=1.0, shift=0.0, scale=0.0, turn=0.0, gain=0.0, offset=0.0)
    pictures = torch.rand(2, 3, SIZE, SIZE, generator=draw) * 2 - 1
    landmarks = torch.rand(2, 68, 2, generator=draw) * SIZE
    made, points = augmented(pictures, landmarks, draw, how)
    torch.testing.assert_close(made, pictures.flip(3), atol=1e-5, rtol=0)
    right, left = MOUTH_CORNERS
    torch.testing.assert_close(points[:, right, 0], SIZE - 1 - landmarks[:, left, 0])
    torch.testing.assert_close(points[:, right, 1], landmarks[:, left, 1])


def test_counterparts_are_mutual_and_keep_to_their_part() -> None:
    assert [MIRRORED[MIRRORED[point]] for point in range(68)] == list(range(68))
    assert set(MIRRORED[RIGHT_EYE]) == set(range(68)[LEFT_EYE])
    middle = [point for point in range(68) if MIRRORED[point] == point]
    assert middle == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


def test_nothing_drawn_changes_nothing(draw) -> None:
    pictures = torch.rand(2, 3, SIZE, SIZE, generator=draw) * 2 - 1
    landmarks = torch.rand(2, 68, 2, generator=draw) * SIZE
    made, points = augmented(pictures, landmarks, draw, STILL)
    torch.testing.assert_close(made, pictures, atol=1e-5, rtol=0)
    torch.testing.assert_close(points, landmarks, atol=1e-4, rtol=0)


def test_light_changes_each_colour_within_the_range_and_leaves_black_to_the_offset(draw) -> None:
    how = Augmentation(mirrored=0.0, shift=0.0, scale=0.0, turn=0.0, gain=0.3, offset=0.0)
    pictures = torch.full((8, 3, SIZE, SIZE), 0.2)
    pictures[..., :4] = -1.0
    made, _ = augmented(pictures, torch.zeros(8, 68, 2), draw, how)
    torch.testing.assert_close(made[..., :4], pictures[..., :4])
    assert made.min() >= -1 and made.max() <= 1
    assert made[:, :, 0, -1].std(dim=1).min() > 0.01


def test_the_same_draw_gives_the_same_pictures() -> None:
    pictures, landmarks = torch.rand(4, 3, SIZE, SIZE), torch.rand(4, 68, 2)
    one, two = (augmented(pictures, landmarks, torch.Generator().manual_seed(5))[0] for _ in range(2))
    assert torch.equal(one, two)
