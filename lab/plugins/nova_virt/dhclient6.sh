#!/bin/sh
# dhclient's script for a server of the lab: IPv6 by DHCP; runs inside its namespace.
case "$reason" in
PREINIT6)
  ip link set "$interface" up
  for _ in $(seq 50); do # dhclient gives up when there is no link-local address yet that is known to be nobody else's
    ip -6 -o addr show dev "$interface" scope link | grep -v tentative | grep -q . && break
    sleep 0.1
  done ;;
BOUND6 | RENEW6 | REBIND6 | INFORM6)
  [ -n "$new_ip6_address" ] && ip -6 addr replace "$new_ip6_address/128" dev "$interface"
  for s in $new_dhcp6_name_servers; do
    grep -qsF "nameserver $s" /etc/resolv.conf || echo "nameserver $s" >> /etc/resolv.conf
  done
  echo "dhcpv6: $interface $reason $new_ip6_address dns=$new_dhcp6_name_servers" ;;
EXPIRE6 | RELEASE6 | STOP6)
  [ -n "$old_ip6_address" ] && ip -6 addr del "$old_ip6_address/128" dev "$interface" ;;
esac
exit 0
