"""Which blocks of a picture are combed, held against a plain reading of what that means."""

import numpy as np
import pytest
from video_prep.pictures.combing import combed_blocks


def plainly(luma):
    rows, columns = ((side - 2) // 8 for side in luma.shape)
    levels = luma.astype(np.float64)
    blocks = np.zeros((rows, columns), bool)
    for row in range(rows):
        for column in range(columns):
            line, following, same_field = (
                levels[8 * row + i : 8 * row + i + 8, 8 * column : 8 * column + 8] for i in range(3)
            )
            near, far = (np.abs(line - other).mean() for other in (following, same_field))
            blocks[row, column] = near > 2 * far and near > 3
    return blocks


def test_blocks_are_combed_where_lines_differ_more_than_fields():
    picture = np.random.default_rng(7).integers(90, 110, (50, 70)).astype(np.uint8)
    picture[8:32:2, 24:56] += 90
    combed = combed_blocks(picture)
    assert combed.sum() == 12
    assert np.array_equal(combed, plainly(picture))


@pytest.mark.parametrize(
    ("size", "blocks"), [((1, 1), (0, 0)), ((9, 20), (0, 2)), ((18, 10), (2, 1))]
)
def test_pictures_may_be_of_any_size(size, blocks):
    assert combed_blocks(np.zeros(size, np.uint8)).shape == blocks
