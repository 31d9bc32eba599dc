# avsal_bench in a container. It has been built nowhere yet.
#   docker build --tag avsal-bench .                                    CUDA, the builds of constraints.txt
#   docker build --tag avsal-bench --build-arg DEVICE=cpu --build-arg TORCH_INDEX=<index> .     no GPU, smaller
#   docker run --rm --gpus all --shm-size 8g --volume "$PWD/work:/work" avsal-bench bench avrsp
# Data, runs, weights and the leaderboard lie in /work (AVSAL_HOME), which the user of the container, 1000, must be able
# to write; --user "$(id -u):$(id -g)" makes it you.
ARG PYTHON=3.12
FROM python:${PYTHON}-slim-bookworm AS build
# cuda or cpu.
ARG DEVICE=cuda
# Where else builds of torch are looked for: those without CUDA, or for an older driver. Empty for those of the index of
# packages, which have CUDA.
ARG TORCH_INDEX=""
# Extras of the package.
ARG EXTRAS="cluster,pytorchvideo"
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/avsal
ENV PATH=/opt/avsal/bin:$PATH
WORKDIR /src
COPY constraints.txt ./
# By itself, so that a change of the code does not load it again. Other builds of torch come with other CUDA libraries.
RUN set -eu; \
    case "$DEVICE" in cuda|cpu) ;; *) echo "DEVICE=$DEVICE: expected cuda or cpu" >&2; exit 2 ;; esac; \
    if [ "$DEVICE$TORCH_INDEX" = cpu ]; then \
      echo "DEVICE=cpu: set TORCH_INDEX to the index of torch's builds without CUDA, see pytorch.org" >&2; exit 2; \
    fi; \
    if [ -n "$TORCH_INDEX" ]; then sed -i -E '/^(nvidia-|cuda-|triton)/d' constraints.txt; fi; \
    pip install --constraint constraints.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} torch torchvision torchaudio
COPY pyproject.toml setup.py README.md LICENSE MANIFEST.in ./
COPY avsal_bench ./avsal_bench
RUN pip install --constraint constraints.txt ".[$EXTRAS]"

FROM python:${PYTHON}-slim-bookworm
RUN useradd --uid 1000 --create-home avsal && install --directory --owner avsal /work
COPY --from=build /opt/avsal /opt/avsal
ENV PATH=/opt/avsal/bin:$PATH AVSAL_HOME=/work MPLCONFIGDIR=/tmp/matplotlib
USER avsal
WORKDIR /work
VOLUME /work
ENTRYPOINT ["avsal"]
CMD ["--help"]
