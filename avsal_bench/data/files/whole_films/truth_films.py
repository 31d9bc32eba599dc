"""Does a film of saliency maps fit its video? Looked at before it is scored, trained on or prepared."""

from __future__ import annotations

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.timeline import index_of
from avsal_bench.data.files.video_files import count_frames, picture_size, until_damage
from avsal_bench.data.files.whole_films.headers import facts_of
from avsal_bench.data.places import VideoFile
from avsal_bench.text import many


def cost_of_a_map(video: Video, size: str = "") -> str:
    """What a map at random costs in a film of maps, in a sentence; ``avsal data prepare`` makes it cost nothing.

    Args:
        video: whose maps are a film.
        size: of the network, such as 224x384, where it is known.

    Raises:
        FileNotFoundError, ValueError: naming a film that cannot be read.
    """
    assert isinstance(video.densities, VideoFile), "asked for films only"
    keys = max(1, int(index_of(video.densities.path).packets.keys.sum()))
    each = max(1, round(video.n_frames / keys))
    command = f"avsal data prepare {video.dataset}" + (f" --size {size}" if size else "")
    return (
        f"{video.densities.path.name} has a key frame every {many(each, 'map')}, so that a clip at random waits for "
        f"{(each + 1) / 2:g} to be decoded; `{command}` writes them at the network's size"
    )


def check_film_of_maps(video: Video) -> None:
    """Nothing, where the maps of a video are no film, or one of its bits, its size and as many pictures.

    Raises:
        FileNotFoundError: naming a film that is missing.
        ValueError: naming one that does not fit, what it has, and what the video has.
    """
    files = video.densities
    if not isinstance(files, VideoFile):
        return
    path = files.path
    if not path.is_file():
        raise FileNotFoundError(f"{video.key}: missing saliency maps {path}")
    facts = facts_of(path)
    if files.bits and facts.bits != files.bits:
        raise ValueError(
            f"{path}: maps of {facts.bits} bits, and those of {video.dataset} have {files.bits}; is it a prediction, "
            "or was it encoded again? Fetch it again"
        )
    if (count := count_frames(path)) != video.n_frames:
        raise ValueError(
            f"{path}: {many(count, 'map')}{until_damage(path)}, and the video has {many(video.n_frames, 'frame')}; "
            "fetch it again"
        )
    if not isinstance(video.frames, VideoFile) or not video.frames.path.is_file():  # scoring needs no frames
        return
    shown = facts_of(video.frames.path)
    if (facts.height, facts.width) == (shown.height, shown.width):
        return
    ours, frames = picture_size(path), picture_size(video.frames.path)  # a header does not say what is turned
    if ours != frames:
        raise ValueError(
            f"{path}: maps of {ours[0]}x{ours[1]} (height x width), and the video has {frames[0]}x{frames[1]}; is it "
            "the file of another video? Fetch it again"
        )
