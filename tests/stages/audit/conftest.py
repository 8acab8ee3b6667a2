"""What the tests of audit share: the annotations of the stand-in."""

import pytest
from helpers.cvat import HASTY
from video_prep.cvat.annotations import CvatAnnotations
from video_prep.cvat.connect import connect
from video_prep.settings.cvat import CvatSettings


@pytest.fixture(name="server")
def server_of_test(stand_in):
    session = connect(CvatSettings(host=stand_in.url), "admin:secret", waits=HASTY)
    yield CvatAnnotations(session)
    session.close()
