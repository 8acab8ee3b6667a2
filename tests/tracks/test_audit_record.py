"""audit.json: read as it is written, today and by earlier versions."""

import json

import pytest
from video_prep.base.errors import DatasetError
from video_prep.tracks.audit_record import AuditedTask, AuditRecord, read_audit, write_audit
from video_prep.tracks.statistics import TrackCounts

WRITTEN = """{
 "tasks": [
  {
   "task": 7,
   "name": "street",
   "url": "https://cvat.example/tasks/7",
   "video": "street",
   "frames": 65,
   "matched": 64,
   "tracks": 2,
   "labels": {
    "car": {
     "tracks": 2,
     "keyframes": 5,
     "interpolated": 30,
     "held": 10,
     "share_filled_in": 0.8889
    }
   },
   "findings": 1,
   "note": "1 of 65 frames is none of video 'street'."
  },
  {
   "task": null,
   "name": "of a file",
   "url": null,
   "video": null,
   "frames": 0,
   "matched": 0,
   "tracks": 0,
   "labels": {},
   "findings": 0,
   "note": null
  }
 ],
 "findings": [
  {
   "kind": "uneven-time"
  }
 ]
}
"""
"""As version 0.1.0 wrote it."""

RECORD = AuditRecord(
    (
        AuditedTask(
            task=7,
            name="street",
            url="https://cvat.example/tasks/7",
            video="street",
            frames=65,
            matched=64,
            tracks=2,
            labels={"car": TrackCounts(tracks=2, keyframes=5, interpolated=30, held=10)},
            findings=1,
            note="1 of 65 frames is none of video 'street'.",
        ),
        AuditedTask(None, "of a file", None, None, 0, 0, 0, {}, 0, None),
    ),
    ({"kind": "uneven-time"},),
)


def test_it_is_written_as_it_always_was_and_read_back(tmp_path):
    file = tmp_path / "audit.json"
    assert read_audit(file) is None
    write_audit(file, RECORD)
    assert file.read_text() == WRITTEN
    assert read_audit(file) == RECORD


def test_what_a_later_version_adds_is_passed_over():
    data = json.loads(WRITTEN)
    for each in (data, data["tasks"][0], data["tasks"][0]["labels"]["car"]):
        each["more"] = 1
    assert AuditRecord.from_json(data) == RECORD


def renamed(text, key):
    return text.replace(f'"{key}":', f'"{key}s":')


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[]", "'tasks' is missing or wrong"),
        ('{"tasks": 1, "findings": []}', "'tasks' is missing or wrong"),
        ('{"tasks": [1], "findings": []}', "'task' is missing or wrong"),
        (WRITTEN.replace('"labels": {}', '"labels": []'), "'labels' is missing or wrong"),
        (WRITTEN.replace('"held": 10', '"held": "10"'), "'held' is missing or wrong"),
        *(
            (renamed(WRITTEN, key), f"'{key}' is missing or wrong")
            for key in ("task", "matched", "labels", "note", "keyframes", "interpolated")
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_it_is_told(tmp_path, text, fault):
    file = tmp_path / "audit.json"
    file.write_text(text)
    with pytest.raises(DatasetError) as caught:
        read_audit(file)
    assert str(caught.value) == (
        f"{file}: this is not what 'prep audit' writes ({fault}). Run 'prep audit' again."
    )


def test_what_cannot_be_opened_is_told(tmp_path):
    (tmp_path / "audit.json").mkdir()
    with pytest.raises(DatasetError, match=r"audit\.json: cannot be read: Is a directory"):
        read_audit(tmp_path / "audit.json")
