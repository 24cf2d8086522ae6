"""Neutron plug-ins of the lab, loaded by Neutron itself; see services/neutron.py for which plane takes which.

LabMechanismDriver binds every port to its first segment and calls it ACTIVE at once, so that a boot ends with a bound
port although no L2 agent exists. LabL3Plugin is the stock router plug-in, except that a floating IP becomes ACTIVE
when it is associated, as an L3 agent would report. LabOVSInterfaceDriver switches checksum offload off on the agents'
own ports, because the userspace datapath sees packets as they are.
"""

import subprocess

from neutron.agent.linux import interface
from neutron.services.l3_router import l3_router_plugin
from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api


class LabMechanismDriver(api.MechanismDriver):
    """Binds everything, everywhere."""

    def initialize(self):
        """Nothing to prepare."""

    @property
    def connectivity(self):
        return portbindings.CONNECTIVITY_L2

    def bind_port(self, context):
        details = {
            portbindings.CAP_PORT_FILTER: True,
            portbindings.OVS_HYBRID_PLUG: False,
            portbindings.VIF_DETAILS_CONNECTIVITY: portbindings.CONNECTIVITY_L2,
        }
        segment = context.segments_to_bind[0][api.ID]
        context.set_binding(segment, portbindings.VIF_TYPE_OVS, details, status=constants.PORT_STATUS_ACTIVE)


class LabL3Plugin(l3_router_plugin.L3RouterPlugin):
    """Routers without an L3 agent."""

    def _settle(self, context, floating_ip):
        active, down = constants.FLOATINGIP_STATUS_ACTIVE, constants.FLOATINGIP_STATUS_DOWN
        status = active if floating_ip.get("port_id") else down
        if floating_ip.get("status") != status:
            self.update_floatingip_status(context.elevated(), floating_ip["id"], status)
            floating_ip["status"] = status
        return floating_ip

    def create_floatingip(self, context, floatingip):
        return self._settle(context, super().create_floatingip(context, floatingip))

    def update_floatingip(self, context, id, floatingip):
        return self._settle(context, super().update_floatingip(context, id, floatingip))


class LabOVSInterfaceDriver(interface.OVSInterfaceDriver):
    """The agents' ports on the userspace datapath."""

    def _add_device_to_namespace(self, ip_wrapper, device, namespace):
        command = ["ethtool", "-K", device.name, "tx", "off"]
        subprocess.run(command, capture_output=True, check=False)
        super()._add_device_to_namespace(ip_wrapper, device, namespace)
