"""The contract of passing content on, on the simulated node and on real devices."""

from __future__ import annotations

import pytest

from linstor_core.testing.transfer_contract import TransferContract
from tests.satellite.conftest import RealRig, SimulatedRig


class TestSimulatedNode(TransferContract):
    @pytest.fixture
    def rig(self, simulated_rig: SimulatedRig) -> SimulatedRig:
        return simulated_rig


class TestRealDevices(TransferContract):
    @pytest.fixture
    def rig(self, real_rig: RealRig) -> RealRig:
        return real_rig
