"""Networks that go through a video frame by frame: whoever asks, each frame comes once, in order, from the first on."""

import gc
from dataclasses import replace

import pytest
import torch
from conftest import write_video
from streamed import frames_of

from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.clips.stream import Brought, Stream
from avsal_bench.data.dataset import Video
from avsal_bench.data.files import frames as reading
from avsal_bench.data.places import NumberedFiles
from avsal_bench.data.windows import steps
from avsal_bench.models import Clips, Memory, Network, Place
from avsal_bench.models.base import predict_windows
from avsal_bench.models.layers.recurrent.carried import carry
from avsal_bench.spec import ClipSpec
from avsal_bench.training.module import SaliencyModule

SIZE = (4, 6)
SPEC = ClipSpec(4, SIZE, (0.0,) * 3, (1.0,) * 3, walk="frames")


class Sums(Network):
    """The map of a frame is the sum of what is seen of its sequence: half of it is lost with each frame."""

    def __init__(self, spec=SPEC):
        super().__init__()
        self.spec = spec
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, frames, audio=None):
        total = 0
        for frame in frames.mean(1).unbind(1):
            total = total / 2 + frame
        return self.weight * total

    def predict(self, clips, audio, memory):
        def walk():
            def advance(frame, state):
                total = frame if state is None else state / 2 + frame
                return total, total

            seen = clips.frames[:, :, 0].mean(1)
            kept = memory.seen.setdefault("sums", {})
            known = carry(seen, clips.places, self.spec.step, kept, advance)
            return self.weight * torch.cat(known)[clips.asked]

        return clips.once("sums", walk)


def by_loop(video, step=1):
    """The maps of frames ``(n, h, w)``, from a plain loop over each sequence of the video."""
    maps = [None] * len(video)
    for first in range(step):
        total = 0
        for number in range(first, len(video), step):
            total = total / 2 + video[number]
            maps[number] = total
    return torch.stack(maps)


def video(n, name="v"):
    nothing = NumberedFiles(None, "", 5, "")
    return Video(dataset="x", name=name, n_frames=n, fps=25.0, frames=nothing, densities=nothing, fixations=nothing)


def pixels(n, name="v"):
    draw = torch.Generator().manual_seed(n + sum(map(ord, name)))
    return torch.randint(0, 256, (n, 3, *SIZE), generator=draw, dtype=torch.uint8)


@pytest.fixture
def read(monkeypatch):
    """Frames drawn by the name and length of their video; which were read, in order."""
    read = []

    def one(video, number):
        read.append((video.name, number))
        return pixels(video.n_frames, video.name)[number - 1]

    monkeypatch.setattr(reading, "_read", one)
    return read


@pytest.mark.parametrize(
    ("targets", "size", "head", "expected"),
    [
        (range(1, 6), 2, None, ["1 2: 1 2", "3 4: 3 4", "5: 5"]),
        ([2, 5], 2, None, ["1 2: 2", "3 4:", "5: 5"]),
        ([7], 3, 1, ["1:", "2 3 4:", "5 6 7: 7"]),
        ([], 3, None, ["1:"]),
    ],
)
def test_steps_by_hand(targets, size, head, expected):
    found = list(steps(targets, 9, *SPEC.form, size=size, head=head, walk="frames"))
    assert [f"{' '.join(map(str, one.fresh))}: {' '.join(map(str, one.asked))}".rstrip() for one in found] == expected
    for one in found:
        assert [window.frames for window in one.windows] == [(number,) for number in one.fresh]
        assert one.first == one.fresh[0], "nothing of the steps before is kept"


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ([2, 10], "frame 10 is not in a video of 9 frames"),
        ([0, 2], "frame 0 is not in a video of 9 frames"),
        ([-1], "frame -1 is not in a video of 9 frames"),
        ([5, 3], "frame 3 is asked for after frame 5; .*ascending order"),
        ([3, 3], "frame 3 is asked for after frame 3; .*ascending order"),
    ],
)
def test_frames_that_cannot_be_asked_for_are_an_error(targets, said):
    with pytest.raises(ValueError, match=said):
        list(steps(targets, 9, *SPEC.form, size=2, walk="frames"))


@pytest.mark.parametrize("step", [1, 5])
@pytest.mark.parametrize("size", [1, 4, 7, 100])
@pytest.mark.parametrize("targets", [range(1, 24), [3], [9, 10, 23]], ids=str)
def test_maps_are_those_of_a_plain_loop_whatever_is_asked_for_and_the_batches(read, step, size, targets):
    net = Sums(replace(SPEC, step=step))
    module, memory = SaliencyModule(net), Memory()
    stream = Stream([video(23)], [(0, targets)], net.spec, size)
    batches = list(stream)
    assert read == [("v", number) for number in range(1, targets[-1] + 1)], "each once, in order, from the first on"
    assert len(batches) == len(stream) == -(-targets[-1] // size)
    assert [frame for batch in batches for frame in batch["frame"]] == list(targets)
    with torch.no_grad():
        found = [module(batch, memory) for batch in batches]
    assert [len(maps) for maps in found] == [len(batch["frame"]) for batch in batches]
    want = by_loop(pixels(23).float().mean(1) / 255, step)
    torch.testing.assert_close(torch.cat(found), want[[number - 1 for number in targets]])
    assert len(memory.seen["sums"]) <= step


def test_several_videos_share_no_state_and_an_ended_one_is_forgotten(read):
    videos = [video(5, "a"), video(9, "b"), video(6, "c")]
    module, memory, found = SaliencyModule(Sums()), Memory(), []
    wanted = [(0, [2, 4]), (1, [1, 9]), (2, [5])]
    for batch in Stream(videos, wanted, SPEC, 4, spanning=True):
        with torch.no_grad():
            found += zip(batch["video"], batch["frame"], module(batch, memory), strict=True)
    assert [(name, frame) for name, frame, _ in found] == [("a", 2), ("a", 4), ("b", 1), ("b", 9), ("c", 5)]
    for name, frame, saliency in found:
        length = {"a": 5, "b": 9, "c": 6}[name]
        torch.testing.assert_close(saliency, by_loop(pixels(length, name).float().mean(1) / 255)[frame - 1])
    assert memory.seen["sums"].keys() == {("x/c", 1)}


def test_neither_what_is_read_nor_what_is_held_grows_with_the_video(monkeypatch):
    monkeypatch.setattr(reading, "_read", lambda video, number: torch.zeros((3, *SIZE), dtype=torch.uint8))
    net = Sums(replace(SPEC, step=5))
    module, held = SaliencyModule(net), []
    for n in (60, 480):
        memory = Memory()
        for batch in Stream([video(n)], [(0, range(1, n + 1))], net.spec, 4):
            assert len(batch["pool"]) == len(batch["index"]) <= 4
            with torch.no_grad():
                module(batch, memory)
            assert len(memory.seen["sums"]) <= 5, "a state for each sequence"
        held.append(sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects()))
    assert held[1] <= held[0], "tensors"


def test_a_network_that_goes_by_frames_and_keeps_no_state_says_so():
    class Forgets(Network):
        spec = SPEC

        def forward(self, frames, audio=None):
            return frames.mean((1, 2))

    clips = Clips.of(torch.zeros(1, 3, 1, *SIZE), [Place("x/v", (1,))])
    said = r"Forgets goes through videos by frames .* has no `predict`.*'windows'"
    with pytest.raises(TypeError, match=said):
        Forgets().predict(clips, None, Memory())
    with pytest.raises(TypeError, match=said):  # before anything is trained
        SaliencyModule(Forgets())


def test_a_module_of_a_user_that_goes_by_frames_says_what_it_lacks():
    class Plain(torch.nn.Module):
        spec = SPEC

        def forward(self, frames):
            return frames.mean((1, 2))

    with pytest.raises(TypeError, match=r"^Plain goes through videos by frames .* derive it from Network"):
        SaliencyModule(Plain())


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((0, 1), "x/v, frame 0: frames of a video count from 1; add 1 to those from 0"),
        ((2, 3), "x/v, frame 2: expected after frame 1, but saw no frame before it; give all frames .* in order"),
        ((1, 3), "x/v, frame 3: expected after frame 2, but saw frame 1 last"),
    ],
)
def test_a_loop_of_a_user_that_gives_frames_in_another_order_is_an_error(numbers, said):
    clips = Clips.of(torch.zeros(2, 3, 1, *SIZE), [Place("x/v", (number,)) for number in numbers])
    with pytest.raises(ValueError, match=said):
        Sums().predict(clips, None, Memory())


def test_labels_come_with_the_frames_that_are_asked_for():
    batch = {
        "pool": torch.zeros(3, 3, *SIZE, dtype=torch.uint8),
        "index": torch.arange(3)[:, None],
        "walked": [("x/v", 1, True), ("x/v", 2, False), ("x/v", 3, True)],
        "label": torch.tensor([True, False]),
    }
    assert [place.label for place in SaliencyModule(Sums()).clips_of(batch).places] == [True, None, False]


def test_a_network_that_goes_by_frames_keeps_its_state_where_a_part_has_a_hook():
    class Shares(Sums):
        shares = True

        def predict(self, clips, audio, memory):
            return super().predict(clips, audio, memory)

    net = Shares()
    net.register_forward_hook(lambda *args: None)
    clips = Clips.of(torch.ones(2, 3, 1, *SIZE), [Place("x/v", (number,)) for number in (1, 2)])
    with torch.no_grad():
        assert predict_windows(net, clips, None, Memory())[:, 0, 0].tolist() == [1.0, 1.5]


def test_whole_clips_are_clips_by_themselves():
    net = Sums()
    frames = torch.rand(2, 3, 4, *SIZE)
    batch = {
        "frames": 255 * frames,
        "audio": None,
        "dataset": ["x"] * 2,
        "video": ["v"] * 2,
        "frame": [7, 9],
        "window": [(4, 5, 6, 7), (6, 7, 8, 9)],
    }
    with torch.no_grad():
        torch.testing.assert_close(SaliencyModule(net)(batch), net(frames))


@pytest.mark.parametrize("wrong", ["in order", None, 1])
def test_a_way_that_there_is_not(wrong):
    with pytest.raises(ValueError, match=f"^walk: expected windows or frames, got {wrong!r}"):
        ClipSpec(4, SIZE, walk=wrong)


def test_frames_at_a_time_are_those_of_windows_of_one():
    assert ClipSpec(32, (224, 384), walk="frames").windows_at_a_time("cpu") == 16
    assert (SPEC.window_frames, replace(SPEC, walk="windows").window_frames) == (1, 4)


# From files


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("walk")
    for seed, (name, n) in enumerate([("a", 20), ("b", 9), ("c", 14), ("d", 9)]):
        write_video(root, "ETMD_av", name, n, size=(24, 32), seed=seed)
    (root / "fold_lists").mkdir()
    (root / "fold_lists/ETMD_av_list_train_1_fps.txt").write_text("a 20 25\nb 9 25\nc 14 25\n")
    (root / "fold_lists/ETMD_av_list_test_1_fps.txt").write_text("d 9 25\n")
    return root


def data(root, spec=SPEC, **config):
    return SaliencyDataModule(DataConfig({"etmd": root}, test_batch_size=4, val_fraction=0.5, **config), spec)


def test_videos_to_validate_on_are_walked_and_never_split(root, monkeypatch):
    module = data(root, val_stride=6, fixations=True)
    lengths = {v.name: v.n_frames for v in module.val_videos()}
    wanted = {(name, frame) for name, n in lengths.items() for frame in range(4, n + 1, 6)}
    for world in (1, 2, 3):
        seen = []
        for rank in range(world):
            monkeypatch.setattr(module, "_rank", lambda rank=rank, world=world: (rank, world))
            walked, asked = [], []
            for batch in module.val_dataloader():
                assert len(batch["density"]) == len(batch["fixated"]) == len(batch["frame"])
                walked += [place[:2] for place in batch["walked"]]
                asked += zip(batch["video"], batch["frame"], strict=True)
            for key in {key for key, _ in walked}:
                numbers = [number for one, number in walked if one == key]
                assert numbers == list(range(1, numbers[-1] + 1))
            assert walked, "a process without batches would keep the others waiting"
            seen += asked
        assert sorted(seen) == sorted(wanted)


def test_validation_is_that_of_the_maps_of_a_test(root):
    net = Sums(replace(SPEC, step=2))
    module = SaliencyModule(net)
    source = data(root, net.spec, val_stride=6)
    losses, memory = [], Memory()
    module.log = lambda *args, **more: None
    with torch.no_grad():
        module.on_validation_start()
        for index, batch in enumerate(source.val_dataloader()):
            module.validation_step(batch, index)
            loss, count = module.output_loss(module(batch, memory), batch)
            losses.append((float(loss), int(count)))
    assert {count for _, count in losses} >= {0, 1}, "some batches are walked through"
    total = sum(loss * count for loss, count in losses) / sum(count for _, count in losses)
    assert float(module.val_loss.compute()) == pytest.approx(total)


def test_several_sounds_are_seen_once_and_hear_every_frame(root):
    from avsal_bench.audio.waveform import Waveform

    spec = replace(SPEC, audio=Waveform(4))
    stream = Stream(data(root).test_videos(), [(0, [6, 9])], spec, 4, Brought(others=("muted",)))
    for batch in stream:
        assert len(batch["audio"]) == len(batch["others"]) == len(batch["walked"]) == len(frames_of(batch))


def test_training_clips_are_as_ever(root):
    walks, slides = (data(root, replace(SPEC, walk=walk), batch_size=2) for walk in ("frames", "windows"))
    for one, other in zip(walks.train_dataloader(), slides.train_dataloader(), strict=True):
        assert torch.equal(one["frames"], other["frames"])
        assert one["window"] == other["window"]
        assert one["frames"].shape[2] == 4
