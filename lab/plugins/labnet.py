"""Neutron plug-ins of the lab, loaded by Neutron itself; see services/neutron.py for which plane takes which.

LabMechanismDriver binds every port to its first segment and calls it ACTIVE at once, so that a boot ends with a bound
port although no L2 agent exists. LabQosDriver takes every QoS rule, LabTrunkDriver calls a trunk ACTIVE when its parent
port is, as the Open vSwitch agent would. LabL3Plugin is the stock router plug-in, except that a floating IP becomes ACTIVE
when it is associated, as an L3 agent would report. LabOVSInterfaceDriver switches checksum offload off on the agents'
own ports, because the userspace datapath sees packets as they are.
"""

import subprocess

from neutron.agent.linux import interface
from neutron.objects import trunk as trunk_objects
from neutron.services.l3_router import l3_router_plugin
from neutron.services.qos.drivers.openvswitch.driver import SUPPORTED_RULES
from neutron.services.trunk.drivers import base as trunk_base
from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.callbacks import events, registry, resources
from neutron_lib.plugins import directory
from neutron_lib.plugins.ml2 import api
from neutron_lib.services.qos import base as qos_base
from neutron_lib.services.trunk import constants as trunk_constants


class LabMechanismDriver(api.MechanismDriver):
    """Binds everything, everywhere."""

    def initialize(self):
        """Both join their service plug-in when it is loaded, if it is."""
        vifs, vnics = [portbindings.VIF_TYPE_OVS], [portbindings.VNIC_NORMAL]
        self.qos = LabQosDriver("lab", vifs, vnics, SUPPORTED_RULES)
        self.trunks = LabTrunkDriver("lab", vifs, [trunk_constants.SEGMENTATION_TYPE_VLAN])

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


class LabQosDriver(qos_base.DriverBase):
    """Every rule, on every port that LabMechanismDriver binds."""


@registry.has_registry_receivers
class LabTrunkDriver(trunk_base.DriverBase):
    """Trunks without an L2 agent: sub-ports are bound where the parent is, when it is ACTIVE."""

    is_loaded = True

    @registry.receives(resources.PORT, [events.AFTER_UPDATE])
    def _parent_changed(self, resource, event, trigger, payload=None):
        before, port = payload.states[0], payload.latest_state
        if port.get("trunk_details") and port["status"] != before["status"]:
            self._wire(payload.context.elevated(), port["trunk_details"]["trunk_id"])

    @registry.receives(resources.SUBPORTS, [events.AFTER_CREATE, events.AFTER_DELETE])
    def _subports_changed(self, resource, event, trigger, payload=None):
        self._wire(payload.context.elevated(), payload.resource_id)

    def _wire(self, context, trunk_id):
        core = directory.get_plugin()
        trunk = trunk_objects.Trunk.get_object(context, id=trunk_id)
        parent = core.get_port(context, trunk.port_id)
        if parent["status"] != constants.PORT_STATUS_ACTIVE:
            return
        bound = {
            portbindings.HOST_ID: parent[portbindings.HOST_ID],
            "device_owner": trunk_constants.TRUNK_SUBPORT_OWNER,
        }
        for subport in trunk.sub_ports:
            core.update_port(context, subport.port_id, {"port": bound})
        trunk.update(status=trunk_constants.TRUNK_ACTIVE_STATUS)


class LabL3Plugin(l3_router_plugin.L3RouterPlugin):
    """Routers without an L3 agent. Neutron looks for what a plugin can do under the name of its own class."""

    __native_pagination_support = True
    __native_sorting_support = True

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
