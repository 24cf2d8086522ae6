"""Kinds of interconnects: how a network becomes one segment with its namesakes on other backends.

The network recipe asks `KINDS[interconnect.kind]`; the provider's operations ask what is wrong with a wish for one.
A new kind is a file here that keeps `contract.InterconnectKind`, and a line in `KINDS`.
"""

from collections.abc import Mapping

from vregion.drivers.interconnects.contract import InterconnectKind
from vregion.drivers.interconnects.vlan import Vlan

KINDS: Mapping[str, InterconnectKind] = {"vlan": Vlan()}
