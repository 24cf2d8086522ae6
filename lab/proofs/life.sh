#!/bin/bash
# prove.sh REGION: one full life of every resource, by the stock openstack CLI.
set -eu
r=$1
: "${LAB_HOME:=/opt/lab}" "${LAB_STATE:=/var/tmp/lab}"
export PATH=$LAB_HOME/venv/bin:$PATH
export OS_CLIENT_CONFIG_FILE=$LAB_STATE/clouds.yaml OS_CLOUD=region$r
t0=$(date +%s.%N)
step() { printf '%6.1fs region%s: %s\n' "$(echo "$(date +%s.%N) - $t0" | bc)" "$r" "$*"; }
until_is() { # until_is WANT CMD...
  local want=$1 i got; shift
  for i in $(seq 60); do got=$("$@" 2>/dev/null || true); [ "$got" = "$want" ] && return; sleep 0.5; done
  echo "still '$got', not '$want': $*" >&2; exit 1
}
openstack network create p-net -f value -c id >/dev/null
openstack subnet create --network p-net --subnet-range 10.9.0.0/24 p-sub -f value -c id >/dev/null
openstack router create p-rtr -f value -c id >/dev/null
openstack router set --external-gateway public p-rtr
openstack router add subnet p-rtr p-sub
openstack security group create p-sg -f value -c id >/dev/null
openstack security group rule create --proto tcp --dst-port 22 p-sg -f value -c id >/dev/null
openstack port create --network p-net --security-group p-sg p-port -f value -c id >/dev/null
step "network, subnet, router with gateway, security group, port: made"
openstack server create --flavor m1.tiny --image dummy --port p-port --wait p-vm -f value -c status
step "server ACTIVE; port $(openstack port show p-port -f value -c status)"
fip=$(openstack floating ip create public -f value -c floating_ip_address)
openstack server add floating ip p-vm "$fip"
step "floating ip $fip $(openstack floating ip show "$fip" -f value -c status)"
openstack server list -f value -c Name -c Status -c Networks
openstack volume create --size 1 p-vol -f value -c status >/dev/null
until_is available openstack volume show p-vol -f value -c status
step "volume available"
openstack server add volume p-vm p-vol >/dev/null
until_is in-use openstack volume show p-vol -f value -c status
step "volume in-use"
openstack server remove volume p-vm p-vol
until_is available openstack volume show p-vol -f value -c status
openstack volume snapshot create --volume p-vol p-snap -f value -c status >/dev/null
until_is available openstack volume snapshot show p-snap -f value -c status
step "volume detached; volume snapshot available"
openstack server stop p-vm
until_is SHUTOFF openstack server show p-vm -f value -c status
openstack server start p-vm
until_is ACTIVE openstack server show p-vm -f value -c status
step "server stopped and started"
openstack volume snapshot delete p-snap
openstack server delete --wait p-vm
openstack floating ip delete "$fip"
until_is "" openstack volume snapshot list -f value -c ID
openstack volume delete p-vol
openstack port delete p-port
openstack router remove subnet p-rtr p-sub
openstack router unset --external-gateway p-rtr
openstack router delete p-rtr
openstack network delete p-net
openstack security group delete p-sg
until_is "" openstack volume list -f value -c ID
left=$(openstack server list -f value -c ID; openstack port list -f value -c ID)
[ -z "$left" ]
step "all deleted, nothing left"
