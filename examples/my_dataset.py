"""A data set of one's own, in the layout of STAViS: below AVSAL_DATA lie video_frames/MySet, annotations/MySet, ...

Most sets need no Python: `avsal data init` writes a dataset.yaml. This is for what that cannot say.
"""

from avsal_bench.data import DataSet, Facts, register_dataset
from avsal_bench.data.layouts import stavis_layout

register_dataset(
    DataSet(
        name="my_set",
        folder="MySet",
        layout=stavis_layout,  # or a function of your own: layout(root, description, part, fold) -> list of Video
        folds=False,  # one split, MySet_list_train_fps.txt and MySet_list_test_fps.txt, in every fold
        facts=Facts(
            videos=12,
            viewers="20 students",
            conditions="free viewing, with sound",
            licence="ask the authors",
            source="https://example.org/my-set",
            device="eye",  # or "mouse": scores of the two share no table
            heard=True,
        ),
    )
)
