"""SALICON, "Saliency in Context": still images of everyday scenes, looked at with a mouse; for image encoders.

**Viewers.** Workers of Amazon Mechanical Turk (an abstract by the same authors). **Conditions.** Free viewing by
mouse: the image is sharp where it points and blurred around; there was no eye tracker (the paper's abstract). For how
long is in the paper, which was not at hand for this sheet. **Images.** 20000 of Microsoft COCO's 2014 release: 10000
to train, 5000 to validate, and 5000 whose ground truth is kept back (the page of the challenge of 2017). Only the
15000 are read; the 5000 to validate play the test. Each is a video of one frame here.

**Licence.** Not stated in the sources of this sheet; that of the images is Microsoft COCO's. **Citation.** M. Jiang, S.
Huang, J. Duan, Q. Zhao: SALICON: Saliency in Context. CVPR 2015, doi:10.1109/CVPR.2015.7298710. **Where to get it.**
http://salicon.net/challenge-2017, archives of images, maps and fixations.

**On the disk** (``salicon_layout``)::

    <root>/SALICON/images/{train,val}/COCO_{train,val}2014_%012d.jpg
    <root>/SALICON/maps/{train,val}/COCO_{train,val}2014_%012d.png
    <root>/SALICON/fixations/{train,val}/COCO_{train,val}2014_%012d.mat

A ``.mat`` holds ``gaze``, an array with ``location``, ``timestamp`` and ``fixations`` of each observer, the last as x
and y from 1 (matthias-k/pysaliency, ``external_datasets/salicon.py``). The fixation map is 1 at each ``fixations``.

**Faults.** Those of ``facts`` below.
"""

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.stills import salicon_layout
from avsal_bench.getting.offers import Online, Piece

register_dataset(
    DataSet(
        "salicon",
        "SALICON",
        salicon_layout,
        sound=False,
        folds=False,
        stills=True,
        citation="Jiang et al. 2015",
        title="SALICON",
        facts=Facts(
            videos=20000,
            viewers="workers of Mechanical Turk",
            conditions="free viewing by mouse, without an eye tracker",
            device="mouse",
            heard=False,
            licence="not stated",
            source="http://salicon.net/challenge-2017",
            faults=(
                "There are two releases of the fixations, of 2015 and of 2017, under the same file names; scores on "
                "one do not compare with scores on the other.",
                "Points may lie outside the image; they are left out.",
                "The ground truth of the 5000 test images is kept back.",
            ),
        ),
        online=Online(
            tuple(
                Piece(what, f"salicon/{kind}.zip", f"SALICON/{kind}", holds=("train", "val"))
                for what, kind in (("frames", "images"), ("maps", "maps"), ("fixations", "fixations"))
            ),
            steps=(
                "open http://salicon.net/challenge-2017 in a browser; its archives lie on a drive",
                "download the archives of images, maps and fixations",
            ),
        ),
    )
)
