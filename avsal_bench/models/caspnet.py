"""CASP-Net: consistency-aware audio-visual saliency prediction (caspnet2023, CVPR 2023).

No code is published, so this is a reading of the paper, in the order of Fig. 2. It departs from four equations as they
are printed, each time for a reason below: 4 (divided by N), 7 (sums of squares, not means), 8 (of maps that sum to 1)
and 9 (without its minus). What the paper leaves open, or says in two ways, is decided here:

1. Frames are normalised as for torchvision's Kinetics weights of S3D.
2. The target frame is the middle one, index 8 of 16, as in STAViS, whose evaluation is used.
3. The excerpt of the 16 frames (0.64 s at 25 a second) stands in the middle of the 0.96 s that VGGish hears.
4. ASPP is OpenNLPLab/AVSBench's, whose description the paper's follows word for word, lifted to clips: four
   convolutions (1, 3, 3) of dilation 3, 6, 12 and 18, summed.
5. VGGish is trained: section 4.1.2 trains, or fine-tunes, "the entire model". That is the recipe's
   (``freeze_audio: false``); its preset ``frozen_audio`` leaves VGGish as it is loaded, as the class alone does.
6. One linear layer brings the sound to the 256 channels of all stages, for all AVIMs and for CPC.
7. The linear AVIM, printed without a normaliser, is divided by the number of positions N, as Eq. 1 is.
8. The last layer of an AVIM starts at zero, so that without CPC ``av`` starts as the trained ``v`` network. CPC is no
   identity at its start.
9. CPC has two levels above the fourth stage's feature and the sound on top of them; see
   :mod:`avsal_bench.models.fusion.consistency`.
10. SalDecoder's dense blocks have DenseNet's defaults: growth 32, three layers (2 492 033 parameters; paper: 2.49 M).
11. The FCN decoder has five deconvolutions, 256 to 64 channels, on the fourth stage (1 772 097; paper: 1.77 M).
12. The UNet decoder has five convolutions, 256 to 32 channels, three of them with skips (3 935 137; paper: 3.94 M).
13. 60 epochs on the six sets, 40 on DHF1K, at a constant rate (the recipe).
14. One random clip of a video in an epoch (the recipe).
15. ``bilinear`` is STAViS's layer on the fourth stage, position by position, times too, added to the feature. The paper
    has the operation from its reference [38], and STAViS is [39], so its form may be another; the list of references
    is not at hand.
16. CPC's upper levels start anew in each iteration (section 3.3) or stay (Fig. 4): ``cpc_state``; see
    :mod:`avsal_bench.models.fusion.consistency`.
17. ``v`` has ASPP. Section 4.2 makes the visual-only network of "a visual encoder and a SalDecoder", and names no ASPP;
    the decoder takes 256 channels, which ASPP makes.
18. The divergence of Eq. 8 is of maps that are brought to sum to 1; it is printed without, and could be negative.
19. "From scratch" (section 4.1.2) means without DHF1K: the same section has S3D and VGGish pre-trained. The preset
    ``scratch`` takes it at its word.

Facts that are easily got wrong, and kept:

- The ``quadratic`` interaction, as printed, ignores the sound. It is one vector for the clip, so all keys are equal,
  and the softmax of equal scores is uniform, whatever the sound is. With CPC off the network is then a ``v`` network
  with more parameters, and query, key and sound get no gradient. Table 2 has it within 0.001 of the linear one in CC.
- The ``linear`` interaction has one number a position, phi(q) . phi(k), for the mean of the values.
- Eq. 9 has a minus and its weight is -0.1, which together reward anti-correlation. The recipe weighs the plain
  correlation by -0.1. The NSS loss that the text names is in no equation.
- With ``cpc_state="restarted"`` CPC changes the map a lot at the start (0.73 of the feature is left after three
  iterations) and hears little: three steps of 0.1 lie between the sound and the feature in each iteration, and the next
  one forgets what came half the way. docs/caspnet.md has what is measured of both states.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, cast, get_args

from torch import Tensor, nn

from avsal_bench.audio.spectra import LogMel
from avsal_bench.models.backbones.s3d import S3D
from avsal_bench.models.backbones.vggish import VGGish
from avsal_bench.models.base import Network
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.fusion.bilinear import ChannelBilinear
from avsal_bench.models.fusion.consistency import AVIM, CPC, Form, State
from avsal_bench.models.layers.aspp import ASPP
from avsal_bench.models.layers.audio_free import check_rows
from avsal_bench.models.layers.caspnet_decoders import FCNDecoder, SalDecoder, UNetDecoder
from avsal_bench.models.layers.clip import check_clip
from avsal_bench.models.registry import register_model
from avsal_bench.names import unknown
from avsal_bench.spec import ClipSpec

Decoder = Literal["sal", "fcn", "unet"]
Interaction = Literal["none", "bilinear", "quadratic", "linear"]

FRAMES = 16

#: The deepest stage of S3D.
DEEPEST = 4

_TINY = {
    "size": (64, 96),
    "width": 16,
    "growth": 4,
    "decoder_width": 16,
    "freeze_audio": False,
    "backbone_width": 0.125,
    "audio_width": 0.125,
    "bn_momentum": 0.1,
}


@register_model("caspnet", title="CASP-Net", paper="caspnet2023", modalities=("v", "av"), tiny=_TINY)
class CASPNet(Network):
    """The whole network.

    Args:
        modality: ``av``, or ``v``: S3D, ASPP and the decoder.
        decoder: of Table 1; ``fcn`` reads the fourth stage alone.
        interaction: of Table 2. With ``bilinear`` an ``av`` network does not start as its ``v`` network.
        avim_stages: that have an AVIM, of 1 (fine) to 4 (Table 3); for ``quadratic`` and ``linear``.
        cpc: whether predictive coding corrects the fourth stage.
        cpc_iters: N of CPC, 0 to 5 (Fig. 5); 0 is as without.
        cpc_alpha: its rate.
        cpc_state: ``restarted`` or ``kept``: its upper levels from one iteration to the next; see :class:`CPC`.
        width: channels of the features after ASPP, even.
        growth: of SalDecoder's dense blocks.
        decoder_width: of the decoders: their channels at the finest stage, even.
        freeze_audio: whether VGGish stays as it is loaded. From random weights it must learn.
        size: (height, width) of the frames, multiples of 32.
        backbone_width: multiplier of S3D's channels.
        audio_width: multiplier of VGGish's channels.
        bn_momentum: of S3D's batch norms; see :class:`S3D`.

    Raises:
        ValueError: for an option outside its range, or an ``av`` network whose options leave the sound unheard.
    """

    audio_only = ("vggish.", "project.", "avim.", "bilinear.", "cpc.")
    audio_free = True
    shares = True
    weightless = ("cpc_iters", "cpc_alpha", "cpc_state")

    def __init__(
        self,
        modality: Literal["v", "av"] = "av",
        decoder: Decoder = "sal",
        interaction: Interaction = "linear",
        avim_stages: Sequence[int] = (1, 2, 3, 4),
        cpc: bool = True,
        cpc_iters: int = 3,
        cpc_alpha: float = 0.1,
        width: int = 256,
        growth: int = 32,
        decoder_width: int = 64,
        freeze_audio: bool = True,
        size: Sequence[int] = (224, 384),
        backbone_width: float = 1.0,
        audio_width: float = 1.0,
        bn_momentum: float = 0.001,
        cpc_state: State = "restarted",
    ) -> None:
        super().__init__()
        height, breadth = size
        check_clip("caspnet", FRAMES, (height, breadth))
        _check_options(decoder, interaction, avim_stages, cpc_iters, cpc_alpha, cpc_state)
        for name, channels in (("width", width), ("decoder_width", decoder_width)):
            if channels < 2 or channels % 2:
                raise ValueError(f"{name} is an even number of channels; got {channels}")
        hears = modality == "av"
        self.spec = ClipSpec(FRAMES, (height, breadth), target="middle", audio=LogMel() if hears else None)

        self.s3d = S3D(backbone_width, bn_momentum)
        self.decoder = _decoder(decoder, width, growth, decoder_width)
        stages = self.decoder.stages
        self.aspp = nn.ModuleDict({str(i): ASPP(self.s3d.channels[i - 1], width) for i in stages})
        if hears:
            heard = [i for i in stages if i in avim_stages] if interaction in ("quadratic", "linear") else []
            if not (heard or interaction == "bilinear" or (cpc and cpc_iters)):
                raise ValueError(
                    f"modality 'av' with decoder={decoder!r}, interaction={interaction!r}, avim_stages="
                    f"{list(avim_stages)}, cpc={cpc} and cpc_iters={cpc_iters} has no way for the sound to the map; "
                    f"turn one of them on, or take modality 'v'"
                )
            self.vggish = VGGish(audio_width)
            self.project = nn.Linear(self.vggish.channels, width)
            form: Form = "quadratic" if interaction == "quadratic" else "linear"
            self.avim = nn.ModuleDict({str(i): AVIM(width, form) for i in heard})
            self.bilinear = ChannelBilinear(width, width, width, width // 2) if interaction == "bilinear" else None
            self.cpc = CPC(width, cpc_iters, cpc_alpha, cpc_state) if cpc else None
        self.frozen = ("vggish",) if hears and freeze_audio else ()
        self.freeze()

    def forward(self, frames: Tensor, audio: Tensor | None = None, use_audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, 16, H, W)`` frames and their ``(B, 1, 96, 64)`` log mel to the saliency ``(B, H, W)`` in [0, 1].

        Items whose ``use_audio``, ``(B,)`` bool, is False do without AVIM and CPC, as the ``v`` network does.

        Raises:
            ValueError: if the clip is not the one of the spec, or an ``av`` network gets no sound.
        """
        self.check_input(frames, audio)
        scales = self.s3d(frames)
        features = {int(i): aspp(scales[int(i) - 1]) for i, aspp in self.aspp.items()}
        return self._decode(features, audio, use_audio, AVIM.__call__)

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory, use_audio: Tensor | None = None) -> Tensor:
        """See :meth:`Network.predict`: what windows share is found once, all that is seen once for several sounds."""
        self.check_clips(clips, audio)
        features = clips.once("caspnet", lambda: self._see(clips, memory))
        return self._decode(dict(features), audio, use_audio, AVIM.infer)

    def _see(self, clips: Clips, memory: Memory) -> dict[int, Tensor]:
        """The features ``(B, width, T_i, h_i, w_i)``, by stage."""
        first, second = self.s3d.shared(clips, memory)
        deep = dict(enumerate(self.s3d.deep(second), 3))
        # ASPP looks at single time steps.
        shallow = {i: stage.each(self.aspp[str(i)]) for i, stage in ((1, first), (2, second)) if str(i) in self.aspp}
        return {
            int(i): shallow[int(i)].windows() if int(i) in shallow else aspp(deep[int(i)])
            for i, aspp in self.aspp.items()
        }

    def _decode(
        self,
        features: dict[int, Tensor],
        audio: Tensor | None,
        use_audio: Tensor | None,
        interact: Callable[[AVIM, Tensor, Tensor], Tensor],
    ) -> Tensor:
        """The saliency of the features by stage, which are changed, and of the sound."""
        if audio is not None and self.spec.audio is not None:
            rows = check_rows(use_audio, audio.shape[0])
            if rows is None:
                self._hear(features, self.project(self.vggish(audio)), interact)
            elif rows.any():
                heard = {i: feature[rows] for i, feature in features.items()}
                self._hear(heard, self.project(self.vggish(audio[rows])), interact)
                # Under autocast the two may differ in type.
                features |= {i: x.index_put((rows,), heard[i].to(x.dtype)) for i, x in features.items()}
        saliency: Tensor = self.decoder(list(features.values()))
        return saliency

    def _hear(
        self,
        features: dict[int, Tensor],
        sound: Tensor,
        interact: Callable[[AVIM, Tensor, Tensor], Tensor] = AVIM.__call__,
    ) -> None:
        """Bring the sound ``(B, width)`` into the features ``(B, width, T_i, h_i, w_i)``, by stage."""
        for i, avim in self.avim.items():
            features[int(i)] = interact(cast(AVIM, avim), features[int(i)], sound)
        deepest = features[DEEPEST]
        if self.bilinear is not None:
            # That layer averages over time: as more rows of the picture, the steps stay apart.
            rows = deepest.flatten(2, 3)[:, :, None]
            deepest = deepest + self.bilinear(rows, sound[:, :, None, None]).reshape(deepest.shape)
        if self.cpc is not None:
            deepest = self.cpc(deepest, sound)
        features[DEEPEST] = deepest


def _check_options(
    decoder: str, interaction: str, avim_stages: Sequence[int], iterations: int, rate: float, state: str
) -> None:
    """Nothing, for options in their ranges; else a ValueError."""
    for what, found, known in (
        ("decoder", decoder, get_args(Decoder)),
        ("interaction", interaction, get_args(Interaction)),
        ("cpc_state", state, get_args(State)),
    ):
        if found not in known:
            raise ValueError(unknown(what, found, known))
    if len(set(avim_stages)) < len(avim_stages) or not set(avim_stages) <= {1, 2, 3, 4}:
        raise ValueError(f"avim_stages are some of 1, 2, 3 and 4, each once; got {list(avim_stages)}")
    if not 0 <= iterations <= 5:
        raise ValueError(f"cpc_iters is 0 to 5; got {iterations}")
    if not 0 < rate <= 1:
        raise ValueError(f"cpc_alpha is above 0 and at most 1; got {rate}")


def _decoder(name: Decoder, width: int, growth: int, inner: int) -> SalDecoder | FCNDecoder | UNetDecoder:
    if name == "sal":
        return SalDecoder(width, growth, inner)
    return FCNDecoder(width, inner) if name == "fcn" else UNetDecoder(width, inner)
