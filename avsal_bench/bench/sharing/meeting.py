"""How the processes of one run find each other, and what is said when one of them does not come."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from typing import Any

import torch
from lightning.pytorch.strategies import DDPStrategy

#: Seconds that processes wait for each other at the start, before which each may have read a large data set; the
#: environment ``AVSAL_MEETING`` says another number.
MEETING = 900.0
#: Seconds after which who waits says so.
PATIENCE = 20.0


class MeetingDDP(DDPStrategy):
    """Processes that train together, and meet before they do: who waits in vain ends with words, in minutes.

    Lightning alone waits as long for the first meeting as for any step of a training, half an hour, and then ends in a
    traceback of torch.
    """

    def setup_distributed(self) -> None:
        """Meet, then set up as Lightning does.

        Raises:
            OSError: when not all came in time.
        """
        environment = self.cluster_environment
        assert environment is not None, "the launcher set it"
        self.set_world_ranks()
        # Of an earlier stage; and torchrun's processes have met before they start, at a store that it holds itself.
        together = torch.distributed.is_initialized() or "TORCHELASTIC_RUN_ID" in os.environ
        met = None if together else self._meet(environment.main_address)
        super().setup_distributed()
        del met  # only now, as Lightning's own store shares its port

    def _meet(self, address: str) -> Any:
        assert self.cluster_environment is not None, "looked at before"
        port = self.cluster_environment.main_port
        seconds = _seconds()
        waiting = threading.Timer(
            PATIENCE, print, [f"waiting for {self.world_size} processes at {address}:{port}, up to {seconds:g} s"]
        )
        waiting.daemon = True
        waiting.start()
        try:
            return torch.distributed.TCPStore(  # type: ignore[attr-defined]
                address,
                port,
                self.world_size,
                is_master=self.global_rank == 0,
                timeout=timedelta(seconds=seconds),
                wait_for_workers=True,
                multi_tenant=True,
            )
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0].partition("[")[0].strip()
            raise OSError(
                f"the {self.world_size} processes of this run did not meet at {address}:{port} within {seconds:g} s "
                f"(this is number {self.global_rank}; {reason}). Start all of them, with a MASTER_ADDR that each "
                "of them reaches and a free MASTER_PORT, or unset both to run on one machine"
            ) from error
        finally:
            waiting.cancel()


def _seconds() -> float:
    text = os.environ.get("AVSAL_MEETING", "")
    try:
        seconds = float(text or MEETING)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86400:
        raise ValueError(f"AVSAL_MEETING={text!r}: expected seconds, above 0 and below 86400")
    return seconds
