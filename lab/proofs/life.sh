#!/bin/bash
# life.sh REGION: one full life of every resource of a region, by the stock openstack CLI, as the demo member.
# It creates what it needs, checks each state, deletes all of it and fails when something is left.
set -eu
region=$1
: "${LAB_HOME:=/opt/lab}" "${LAB_STATE:=/var/tmp/lab}"
export PATH=$LAB_HOME/venv/bin:$PATH
export OS_CLIENT_CONFIG_FILE=$LAB_STATE/clouds.yaml OS_CLOUD=region$region
begun=$SECONDS
step() { printf '%4ds region%s: %s\n' $((SECONDS - begun)) "$region" "$*"; }
show() { openstack "$1" show "$2" -f value -c "$3"; }
until_is() { # until_is WANT CMD...
  local want=$1 got='' try; shift
  for try in $(seq 60); do got=$("$@" 2>/dev/null || true); [ "$got" = "$want" ] && return; sleep 0.5; done
  echo "still '$got', not '$want' after $try tries: $*" >&2; exit 1
}
flavor=$(openstack flavor list --sort-column RAM -f value -c Name | head -1)
image=$(openstack image list --public -f value -c Name | head -1)
outside=$(openstack network list --external -f value -c Name)
step "flavor $flavor, image $image, outside $outside"

openstack network create p-net -f value -c id >/dev/null
openstack subnet create --network p-net --subnet-range 10.9.0.0/24 p-sub -f value -c id >/dev/null
openstack router create p-rtr -f value -c id >/dev/null
openstack router set --external-gateway "$outside" p-rtr
openstack router add subnet p-rtr p-sub
openstack security group create p-sg -f value -c id >/dev/null
openstack security group rule create --proto tcp --dst-port 22 p-sg -f value -c id >/dev/null
openstack port create --network p-net --security-group p-sg p-port -f value -c id >/dev/null
step "network, subnet, router with gateway, security group, port"

openstack server create --flavor "$flavor" --image "$image" --port p-port --wait p-vm -f value -c status >/dev/null
[ "$(show port p-port status)" = ACTIVE ]
openstack console log show p-vm | grep -q "$(show server p-vm id)"
step "server ACTIVE, port ACTIVE, console log of its own"
fip=$(openstack floating ip create "$outside" -f value -c floating_ip_address)
openstack server add floating ip p-vm "$fip"
until_is ACTIVE openstack floating ip show "$fip" -f value -c status
step "floating ip $fip"

# Snapshots of an attached volume: from 3.66 on without a force flag, which this client does not send below it.

openstack volume create --size 1 p-vol -f value -c status >/dev/null
until_is available show volume p-vol status
openstack server add volume p-vm p-vol >/dev/null
until_is in-use show volume p-vol status
openstack --os-volume-api-version 3.70 volume snapshot create --volume p-vol p-live1 -f value -c status >/dev/null
until_is available openstack volume snapshot show p-live1 -f value -c status
openstack --os-volume-api-version 3.70 volume snapshot create --volume p-vol p-live2 -f value -c status >/dev/null
until_is available openstack volume snapshot show p-live2 -f value -c status
openstack volume snapshot delete p-live1 # a file in the middle of the chain is committed
until_is p-live2 openstack volume snapshot list -f value -c Name
openstack volume snapshot delete p-live2 # the active file pulls its ground
until_is "" openstack volume snapshot list -f value -c Name
step "volume attached; two snapshots of it made and deleted while attached"
openstack server remove volume p-vm p-vol
until_is available show volume p-vol status
openstack volume snapshot create --volume p-vol p-snap -f value -c status >/dev/null
until_is available openstack volume snapshot show p-snap -f value -c status
step "volume detached; snapshot of the free volume"

openstack server stop p-vm
until_is SHUTOFF show server p-vm status
openstack server start p-vm
until_is ACTIVE show server p-vm status
openstack server image create --name p-img --wait p-vm -f value -c status >/dev/null
[ "$(show image p-img status)" = active ]
[ "$(show image p-img size)" -gt 0 ]
step "stopped and started; image of the server active, $(show image p-img size) bytes"

openstack image delete p-img
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
