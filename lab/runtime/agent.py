"""agent.py NAME [ARG...]: one of Neutron's agents, without privsep daemons.

The agents run as root here, so their privileged functions can be called in the process itself; that saves up to
five processes of 90 MiB for each agent. It runs in the services' virtualenv, started by lab.network.agents.
"""

import importlib
import sys

from neutron import privileged
from oslo_privsep import priv_context

MODULES = {
    "neutron-openvswitch-agent": "ovs_neutron_agent",
    "neutron-l3-agent": "l3",
    "neutron-dhcp-agent": "dhcp",
}


def main() -> None:
    for context in vars(privileged).values():
        if isinstance(context, priv_context.PrivContext):
            context.set_client_mode(False)
    name = sys.argv[1]
    sys.argv = [name, *sys.argv[2:]]
    sys.exit(importlib.import_module(f"neutron.cmd.agents.{MODULES[name]}").main())


if __name__ == "__main__":
    main()
