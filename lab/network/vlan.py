"""`vlan.py DEVICE TAG NAME MAC`: a VLAN interface inside a server, for a kernel that was built without 802.1Q.

What `ip link add link DEVICE name NAME type vlan id TAG` would make: NAME is a TAP device with that MAC; frames leave
DEVICE with the tag and come from it without. A test starts it in a server's network namespace; it runs until it is
ended, as all programs of the server are with the server. It needs nothing but the standard library.
"""

import fcntl
import os
import selectors
import socket
import struct
import subprocess
import sys

TUNSETIFF, IFF_TAP_NO_PI = 0x400454CA, 0x1002
ETH_P_ALL, ETH_P_8021Q = 0x0003, 0x8100
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 0x10
AUXDATA = struct.Struct("=IIIHHHH")  # status, len, snaplen, mac, net, vlan_tci, vlan_tpid
MACS, FRAME = 12, 65536


def tap(name: str, mac: str) -> int:
    """A new TAP device that is up; where its frames are read and written."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP_NO_PI))
    subprocess.run(["ip", "link", "set", name, "address", mac, "up"], check=True)
    return device


def wire(name: str) -> socket.socket:
    """All frames of a device; the kernel takes tags off and tells them beside the frame."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    opened.bind((name, 0))
    opened.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    return opened


def inward(outer: socket.socket, inner: int, tag: int) -> None:
    """One frame from the wire to the TAP device, if it came in and had the tag."""
    frame, beside, _, (_, _, direction, *_) = outer.recvmsg(FRAME, socket.CMSG_SPACE(AUXDATA.size))
    for level, kind, data in beside:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA) and direction != socket.PACKET_OUTGOING:
            status, *_, tci, _ = AUXDATA.unpack(data[: AUXDATA.size])
            if status & TP_STATUS_VLAN_VALID and tci & 0x0FFF == tag:
                os.write(inner, frame)


def outward(inner: int, outer: socket.socket, tag: int) -> None:
    """One frame from the TAP device to the wire, with the tag."""
    frame = os.read(inner, FRAME)
    outer.send(frame[:MACS] + struct.pack("!HH", ETH_P_8021Q, tag) + frame[MACS:])


def main() -> None:
    device, tag, name, mac = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    inner, outer = tap(name, mac), wire(device)
    ready = selectors.DefaultSelector()
    ready.register(inner, selectors.EVENT_READ)
    ready.register(outer, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in ready.select():
            if key.fileobj is outer:
                inward(outer, inner, tag)
            else:
                outward(inner, outer, tag)


if __name__ == "__main__":
    main()
