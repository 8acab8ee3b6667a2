"""Turn folders of videos into exactly numbered frames, and prove that none got lost.

Each stage is one plain function that takes paths and settings, and returns a result::

    import video_prep

    result = video_prep.extract(["videos/"], "dataset", video_prep.ExtractSettings(every=5))
    for video in result.videos:
        print(video.id, video.status)

What can go wrong is a `PrepError`; a bad video is a value of the result and stops no other.
``video_prep.__all__`` names all that other programs may rely on.
"""

import lazy_loader

__version__ = "0.1.0"

# From __init__.pyi, when they are first asked for: `prep --help` need not wait for the libraries
# of all stages.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
