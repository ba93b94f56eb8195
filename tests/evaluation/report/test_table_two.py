"""Table 2: what it counts, and its text."""

import numpy as np
import pytest
import torch

from talking.evaluation.report.table import as_text
from talking.evaluation.report.table_two import TableTwo, speed_note, table_two, table_two_cells
from talking.models.backbone import Backbone
from talking.models.basis import Basis
from talking.models.resnet_encoder import ResNetEncoder
from talking.models.stylegan2 import Generator
from talking.synthesis.speed import Speed
from talking.systems.mm22.cost import parameter_counts
from talking.systems.mm22.methods import STAGE_TWO
from talking.systems.mm22.talking_head import TalkingHead, TalkingHeadSize

SPEED = Speed(35.04, 70, "a V100")
TEXT = """\
method                stage_two  wav2lip
----------------------------------------
trainable parameters     0.01 M        –
tuned per speaker        0.00 M        –
frames/s                   35.0        –
output                  16 x 16  96 x 96
"""


@pytest.fixture(scope="module")
def table() -> TableTwo:
    torch.manual_seed(0)
    generator = Generator(16, style_dim=8, n_mlp=1, channel_max=4)
    encoder = ResNetEncoder(generator.n_styles, style_dim=8, width=2, stem="small", stem_stride=2)
    backbone = Backbone(generator, encoder, torch.zeros(generator.n_styles, 8))
    columns = generator.n_styles * 8
    basis = Basis(np.zeros((3, columns), np.float32), np.zeros(columns, np.float32), np.ones(3, np.float32), 1.0, 6)
    model = TalkingHead(basis, TalkingHeadSize(width=4, lstm_layers=1, code_dim=16, hidden=8))
    return table_two({STAGE_TWO: parameter_counts(model, backbone)}, {"wav2lip": 96})


def test_the_papers_networks_have_the_size_that_its_tables_add_up_to() -> None:
    """Tables 4.3 and 4.4 of the thesis with K = 2500."""
    columns = np.zeros((2500, 16), np.float32)
    basis = Basis(columns, np.zeros(16, np.float32), np.ones(2500, np.float32), total_variance=1.0, n_styles=2)
    generator = Generator(16, style_dim=8, n_mlp=1, channel_max=4)
    encoder = ResNetEncoder(generator.n_styles, style_dim=8, width=2, stem="small", stem_stride=2)
    backbone = Backbone(generator, encoder, torch.zeros(generator.n_styles, 8))
    own = table_two({STAGE_TWO: parameter_counts(TalkingHead(basis, TalkingHeadSize()), backbone)}, {})["stage_two"]
    assert own["trainable_parameters"] == 29_411_328 + 2_956_740


def test_the_own_row_has_counts_and_size_and_another_system_its_size(table: TableTwo) -> None:
    decoder = (3 + 16) * 8 + 8 + 8 * 8 + 8 + 8 * 3 + 3
    lstm = 4 * 16 * (16 + 16 + 2)
    assert table["stage_two"]["trainable_parameters"] > decoder + lstm
    assert table["stage_two"]["output_size"] == 16
    assert table["wav2lip"] == {"trainable_parameters": None, "tuned_parameters": None, "output_size": 96}


def test_the_text_is_the_golden_one(table: TableTwo) -> None:
    counts = {"trainable_parameters": 12_345, "tuned_parameters": 1_234}
    rows = {"stage_two": {**table["stage_two"], **counts}, "wav2lip": table["wav2lip"]}
    assert as_text(table_two_cells(rows, {STAGE_TWO: SPEED})) == TEXT


def test_the_note_says_what_was_timed_on_what() -> None:
    assert "70 frames timed on a V100" in speed_note(SPEED)
