"""The journal: what was written down is read back, whatever is in it."""

import dataclasses

from video_prep.cvat.journal import Journal, TaskEntry


def test_what_is_written_is_read_back(tmp_path):
    journal = Journal(tmp_path)
    names = ("v", 'q"\u2028 ü', "bytes \udcff")
    for place, organization in enumerate((None, "org")):
        upload = journal.open("https://cvat.example", organization, place, names[place])
        assert Journal(tmp_path).uploads == journal.uploads  # an upload without a task as well
        for name in names:
            entry = TaskEntry(name, 1, 2, f"{name} (1/2)", "mark", "d", "v", 9, 0, 8)
            journal.put(upload, entry)
            jobs, verified = ((31, 0, 4), (32, 5, 8)), (0, 4, 8)
            journal.put(upload, dataclasses.replace(entry, part=2, task_id=5, jobs=jobs))
            journal.put(upload, dataclasses.replace(entry, frames_verified=verified))
            assert Journal(tmp_path).uploads == journal.uploads
    journal.remove(upload, entry)
    assert Journal(tmp_path).uploads == journal.uploads
    assert [len(each.tasks) for each in journal.uploads] == [6, 5]


def test_uploads_of_two_organizations_are_two(tmp_path):
    journal, entry = Journal(tmp_path), TaskEntry("v", 1, 1, "v", "m", "d", "v", 9, 0, 8)
    ours, theirs = (journal.open("https://cvat.example", each, 7, "cars") for each in (None, "org"))
    journal.put(theirs, entry)
    for known in (journal, Journal(tmp_path)):
        assert [len(each.tasks) for each in known.uploads] == [0, 1]
        assert (known.tasks(ours), known.tasks(theirs)) == ((), (entry,))
        assert [each.organization for each in known.find("https://cvat.example", "org")] == ["org"]
        assert known.open("https://cvat.example", None, 7, "cars").organization is None
    assert len(Journal(tmp_path).uploads) == 2
