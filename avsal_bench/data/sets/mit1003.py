"""MIT1003: still images of outdoor and indoor scenes, looked at freely; the second set that image encoders train on.

**Viewers.** 15 (the paper). **Conditions.** Free viewing of 3 s an image, eye tracker of 240 Hz
(matthias-k/pysaliency, ``external_datasets/mit.py``); screen and distance are in the paper and were not at hand for
this sheet. **Images.** 1003 indoor and outdoor scenes; the larger side has 1024 pixels, the other 405 or more (the
same file). Each is a video of one frame here.

**Split.** None is published. mspi2024 (Table 3) validates on 103 images that it does not name. Here, of the images in
the order of the SHA-1 of ``mit1003/<image>``, the first 103 play the test, and the other 900 train.

**Licence.** Not stated in the sources of this sheet. **Citation.** T. Judd, K. Ehinger, F. Durand, A. Torralba:
Learning to Predict Where Humans Look. ICCV 2009, doi:10.1109/ICCV.2009.5459462. **Where to get it.**
http://people.csail.mit.edu/tjudd/WherePeopleLook/index.html, ``ALLSTIMULI.zip`` and ``ALLFIXATIONMAPS.zip``.

**On the disk** (``mit1003_layout``)::

    <root>/MIT1003/ALLSTIMULI/<image>.jpeg
    <root>/MIT1003/ALLFIXATIONMAPS/<image>_fixMap.jpg
    <root>/MIT1003/ALLFIXATIONMAPS/<image>_fixPts.jpg

**Faults.** Those of ``facts`` below.
"""

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.stills import mit1003_layout
from avsal_bench.getting.offers import Online, Piece

_PAGE = "https://people.csail.mit.edu/tjudd/WherePeopleLook"

register_dataset(
    DataSet(
        "mit1003",
        "MIT1003",
        mit1003_layout,
        sound=False,
        folds=False,
        stills=True,
        citation="Judd et al. 2009",
        title="MIT1003",
        facts=Facts(
            videos=1003,
            viewers="15",
            conditions="free viewing of 3 s, eye tracker of 240 Hz",
            heard=False,
            licence="not stated",
            source="http://people.csail.mit.edu/tjudd/WherePeopleLook/index.html",
            faults=(
                "Fixation maps are JPEG files, which put a grey pattern around each fixation; pixels of the brighter "
                "half count as fixated.",
                "There is no published split, so scores on a part of it do not compare with those of papers.",
            ),
        ),
        online=Online(
            (
                Piece("frames", "ALLSTIMULI.zip", "MIT1003/ALLSTIMULI", f"{_PAGE}/ALLSTIMULI.zip"),
                Piece("maps", "ALLFIXATIONMAPS.zip", "MIT1003/ALLFIXATIONMAPS", f"{_PAGE}/ALLFIXATIONMAPS.zip"),
            )
        ),
    )
)
