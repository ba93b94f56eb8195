"""The face in a picture: the largest of several."""

import numpy as np
import skimage.data

from talking.faces.detectors import make_detector
from talking.faces.face import find_face


def test_the_largest_of_several_faces_is_taken_wherever_it_is() -> None:
    person = skimage.data.astronaut()[:300, 80:380]
    scene = np.full((640, 900, 3), 120, np.uint8)
    scene[10:610, :600] = np.repeat(np.repeat(person, 2, axis=0), 2, axis=1)
    scene[170:470, 600:] = person
    face = find_face(scene, make_detector("dlib"))
    assert face.others == 1 and face.landmarks[:, 0].max() < 600
    mirrored = find_face(np.ascontiguousarray(scene[:, ::-1]), make_detector("dlib"))
    assert mirrored.landmarks[:, 0].min() > 300
