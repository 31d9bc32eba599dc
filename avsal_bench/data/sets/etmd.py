"""ETMD, "Eye-Tracking Movie Database": two excerpts of over three minutes from each of six Hollywood films.

**Viewers.** 10 a video (all papers). There are two recordings. The older one (https://cognimuse.cs.ntua.gr/etmd): 10
people saw the clips in colour and in grey, EyeTech TM3. The one with sound, to which STAViS points
(http://cvsp.cs.ntua.gr/research/aveyetracking/): two groups shared the videos of ETMD and SumMe, so that 10 people
saw each; ages 23 to 55. **Conditions** of the latter: EyeLink 2000, both eyes, 1000 Hz, 1600 x 900 monitor at 90 cm,
stereo headphones, chin and head rest, free viewing. **Videos.** 12 (all papers).

The lists, which are STAViS's, have three folds; every video is tested once::

    fold  train: videos  frames    test: videos  frames
    1                 8   40727               4   20941
    2                 8   41265               4   20403
    3                 8   41344               4   20324
    all lists: 12 videos, 61668 frames, 193.1 to 219.8 s, 41.1 minutes
    frames a second (videos): 24.99975 (12)

SCDL counts 52,744 frames. The authors' "approximately 171,000" of ETMD and SumMe fit the lists: 171,456.

**Licence.** Not stated on the pages above. **Citation.** P. Koutras, P. Maragos: A perceptually based spatio-temporal
computational framework for visual saliency estimation. Signal Processing: Image Communication 38, 2015; for the
recording with sound A. Tsiami, P. Koutras, A. Katsamanis, A. Vatakis, P. Maragos: A behaviorally inspired fusion
approach for computational audiovisual saliency modeling. Signal Processing: Image Communication 76, 2019. **Where to
get it.** The pages above. In the layout below, with maps: http://cvsp.cs.ntua.gr/research/stavis/.

**On the disk** (``stavis_layout`` has the other forms that are read)::

    <root>/video_frames/ETMD_av/<video>/img_%05d.jpg
    <root>/video_audio/ETMD_av/<video>/<video>.wav
    <root>/annotations/ETMD_av/<video>/maps/eyeMap_%05d.jpg
    <root>/annotations/ETMD_av/<video>/fixMap_%05d.mat
    <root>/annotations/ETMD_av/<video>/observers.csv               (optional: gaze of each observer)
    <root>/fold_lists/ETMD_av_list_{train,test}_{1,2,3}_fps.txt        (else those of this package)

**Faults.** Those of ``facts`` below.
"""

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.from_stavis import online
from avsal_bench.data.layouts.videos import stavis_layout

register_dataset(
    DataSet(
        "etmd",
        "ETMD_av",
        stavis_layout,
        citation="Koutras and Maragos 2015; Tsiami et al. 2019",
        title="ETMD",
        facts=Facts(
            videos=12,
            viewers="10 a video, of two groups",
            conditions="free viewing with sound, headphones, EyeLink 2000 at 1000 Hz, 1600 x 900 at 90 cm, head rest",
            heard=True,
            licence="not stated",
            source="http://cvsp.cs.ntua.gr/research/aveyetracking/",
            faults=(
                "With 4 test videos a fold, one video is a quarter of a fold's mean.",
                "In every fold the other excerpt of each tested film trains.",
                "Rates are a hundred-thousandth low: 24.99975 for 25.",
                "One list holds a blank line, test 2, and one ends without a newline, train 3.",
            ),
        ),
        online=online("ETMD_av"),
    )
)
