"""The contract on the simulated node and on real devices."""

from __future__ import annotations

import pytest

from linstor_core.testing.driver_contract import DriverContract
from tests.satellite.conftest import RealRig, SimulatedRig


class TestSimulatedNode(DriverContract):
    @pytest.fixture
    def rig(self, simulated_rig: SimulatedRig) -> SimulatedRig:
        return simulated_rig


class TestRealDevices(DriverContract):
    @pytest.fixture
    def rig(self, real_rig: RealRig) -> RealRig:
        return real_rig
