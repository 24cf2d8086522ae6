"""The data plane of the lab: switches, routers and servers that ping, for regions on the planes ovs and ovn.

lab.launch and lab.lifecycle call it. Nothing of it touches the machine's own interfaces or routes.
"""
