"""The small pictures of an earlier report are used again while the images are the same."""

import json

import pytest
import video_prep
from helpers import media
from helpers.prep import in_threads

run, report = in_threads(video_prep.run), in_threads(video_prep.report)

MARKED = "data:image/webp;base64,ABCD"


@pytest.fixture
def dataset(tmp_path):
    """A dataset whose report has drawn pictures, each of which is another one by now."""
    media.encode(tmp_path / "a.mp4", frames=6)
    run([tmp_path / "a.mp4"], tmp_path / "dataset")
    return tmp_path / "dataset"


def mark(dataset, drawn=MARKED):
    """Replace the pictures that were kept; return how many there were."""
    path = dataset / ".prep" / "drawn" / "a"
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({key: [state, drawn] for key, (state, _) in kept.items()}))
    return len(kept)


def pictures(dataset):
    """The page after another report, and how often the mark stands in it."""
    page = report(dataset).page.read_text()
    return page, page.count(MARKED)


def test_what_is_kept_is_not_drawn_again(dataset):
    first = report(dataset).page.read_bytes()
    assert report(dataset).page.read_bytes() == first
    assert mark(dataset) == pictures(dataset)[1] == 7  # six images, and one in the table


def test_an_image_that_was_written_anew_is_drawn_anew(dataset):
    mark(dataset)
    image = sorted((dataset / "a").glob("*.jpg"))[1]
    image.write_bytes(image.read_bytes())
    assert pictures(dataset)[1] == 6
    image.unlink()
    assert pictures(dataset)[1] == 6


@pytest.mark.parametrize(
    "kept", [b"", b"[1]", b'{"144 x": 3}', b"\xff", 'data:image/webp;base64,"><script>evil()', 7]
)
def test_nothing_else_comes_into_the_page(kept, dataset):
    before = report(dataset).page.read_bytes()
    if isinstance(kept, bytes):
        (dataset / ".prep" / "drawn" / "a").write_bytes(kept)
    else:
        mark(dataset, kept)
    assert report(dataset).page.read_bytes() == before


def test_they_go_with_the_video(dataset):
    for kind in ("drawn", "hung", "proven", "looks"):
        for name in ("a", "a.b", "b"):
            (dataset / ".prep" / kind).mkdir(exist_ok=True)
            (dataset / ".prep" / kind / name).touch()
    video_prep.remove(dataset, ["a"])
    left = {path.name for path in (dataset / ".prep").glob("*/*") if path.is_file()}
    assert left == {"a.b", "b"}
