"""CrowdSAL, the largest audio-visual set: 5000 videos watched with a mouse by a crowd, with sound.

**Viewers.** Over 19000 in all, over 75 a video; how many watched a given video is not in the files. **Conditions.** In
browsers: the video is blurred away from the cursor, which viewers move to what they want to see. There was no eye
tracker: these are data of a mouse. The sound was on, and checked. **Videos.** 5000 of YouTube, Shorts and Vimeo, 18.4 s
on average (of longer ones the 20 s in their middle), 30 frames a second, full HD: 1920 x 1080, or upright
1080 x 1920. Not all have a sound track; networks hear silence with the others. 0001 to 3000 train, 3001 to 5000 test.

**Points** are tracks of the cursor at 100 Hz, assigned to frames: about 3.3 of a viewer in a frame, some on the same
pixel. **Maps** are sums of Gaussians on the points, sigma 57.6 pixels, one degree at 60 cm, each stretched to the whole
range, as films of 10 bits that x264 wrote at constant rate factor 0, which is nearly lossless and not lossless.

**Licence.** CC BY 4.0; the videos are CC BY or CC0, each with its own in ``metadata.jsonl``. **Citation.** None seen;
the group is MSU Video Group, Moscow State University. **Where to get it.** Hugging Face, ``ANDRYHA/CrowdSAL``, or the
drive that https://github.com/msu-video-group/CrowdSAL links.

**On the disk** (:func:`~avsal_bench.data.layouts.challenge.crowdsal_videos`), as it is handed out::

    <root>/CrowdSAL/{Train,Test}/Videos/%04d.mp4               or <root>/crowdsal; either may lie one level deeper
    <root>/CrowdSAL/{Train,Test}/Saliency/%04d.mp4
    <root>/CrowdSAL/{Train,Test}/Fixations/%04d.json           [[[row, column], ...], ...], a list a frame
    <root>/CrowdSAL/{Train,Test}/metadata.jsonl                (not read)
    <root>/prepared/CrowdSAL/<video>/                          (optional: ``avsal data prepare``)

The lists are the folders; a video is as long as its header says. Where ``Test`` has neither maps nor points, its videos
can be predicted and not scored. Names other than four digits, and other endings of video files, are read as well.

**Faults.** Those of ``facts`` below.

Sources: the README and ``bench.py`` of msu-video-group/CrowdSAL; excerpts of the benchmark's page at
videoprocessing.ai. No file of the set was at hand for this sheet.
"""

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.challenge import FilmLayout, crowdsal_videos
from avsal_bench.data.layouts.listed import told_by_number
from avsal_bench.getting.offers import Online
from avsal_bench.lazy import Later

#: What tells how long films are, and reads lists of points.
FACTS = Later("avsal_bench.data.files.whole_films.headers", "film_facts")
POINTS = Later("avsal_bench.data.files.whole_films.point_lists", "read_point_list")

register_dataset(
    DataSet(
        "crowdsal",
        "CrowdSAL",
        FilmLayout(crowdsal_videos, FACTS, POINTS, ("Train", "Test")),
        folds=False,
        citation="MSU Video Group 2026",
        title="CrowdSAL",
        facts=Facts(
            videos=5000,
            viewers="over 19000, over 75 a video",
            conditions="by mouse: the video is blurred away from the cursor; with sound, which was checked",
            licence="CC BY 4.0",
            source="https://github.com/msu-video-group/CrowdSAL",
            faults=(
                "Points repeat: viewers who rest on a pixel are listed there several times in a frame, and the "
                "challenges' NSS counts each.",
                "Maps are films of 10 bits, near to lossless; maps that are made of the points anew differ a little.",
                "Many videos, but not all, have a sound track.",
                "The authors' script looks for a split file that the set does not have.",
            ),
            device="mouse",
            heard=True,
        ),
        online=Online(repository="ANDRYHA/CrowdSAL"),
        also=("crowdsal",),
        told=told_by_number("crowdsal", 2000),
    )
)
