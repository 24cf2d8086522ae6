#!/bin/bash
# death.sh REGION: nova-compute restarts, then the whole region dies and comes back; its servers are as they were.
# Also: the personas, the capped microversion, and that the other regions' passwords and tokens are worth nothing here.
set -eu
region=$1
: "${LAB_HOME:=/opt/lab}" "${LAB_STATE:=/var/tmp/lab}"
cd "$(dirname "$0")/../.."
export PATH=$LAB_HOME/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1
export OS_CLIENT_CONFIG_FILE=$LAB_STATE/clouds.yaml OS_CLOUD=region$region
begun=$SECONDS
step() { printf '%4ds region%s: %s\n' $((SECONDS - begun)) "$region" "$*"; }
fail() { echo "region$region: $*" >&2; exit 1; }
refused() { local words=$1; shift; if out=$("$@" 2>&1); then fail "accepted: $*"; fi; grep -q "$words" <<<"$out" || fail "$out"; }
states() { openstack server list --sort-column Name -f value -c Name -c Status -c "Power State"; }
flavor=$(openstack flavor list --sort-column RAM -f value -c Name | head -1)
image=$(openstack image list --public -f value -c Name | head -1)

refused 403 openstack --os-cloud "region$region-reader" network create q-no
openstack --os-cloud "region$region-manager" server list -f value >/dev/null
openstack --os-cloud "region$region-admin" domain create q-dom -f value -c id >/dev/null
openstack --os-cloud "region$region-admin" project create --domain q-dom q-prj -f value -c id >/dev/null
openstack --os-cloud "region$region-admin" domain set --disable q-dom
openstack --os-cloud "region$region-admin" domain delete q-dom
other=$((region == 1 ? 2 : 1))
refused 401 openstack --os-password "secret$other" token issue
token=$(openstack --os-cloud "region$other" token issue -f value -c id)
url=$(openstack --os-cloud "region$region-admin" endpoint list --service compute --interface public -f value -c URL)
[ "$(curl -s -o /dev/null -w '%{http_code}' -H "X-Auth-Token: $token" "$url/servers")" = 401 ] || fail "took a foreign token"
mine=$(openstack token issue -f value -c id)
highest=$(curl -s "$url/" | sed 's/.*"version": "\([0-9.]*\)".*/\1/')
next="2.$((${highest#2.} + 1))"
[ "$(curl -s -o /dev/null -w '%{http_code}' -H "X-Auth-Token: $mine" -H "OpenStack-API-Version: compute $next" "$url/servers")" = 406 ] || fail "took $next"
step "personas, domains and projects by the admin; foreign password and token refused; compute up to $highest, $next refused"

openstack network create q-net -f value -c id >/dev/null
openstack subnet create --network q-net --subnet-range 10.8.0.0/24 q-sub -f value -c id >/dev/null
for name in q-run q-off q-hold; do
  openstack server create --flavor "$flavor" --image "$image" --network q-net --wait "$name" -f value -c status >/dev/null
done
openstack volume create --size 1 q-vol -f value -c status >/dev/null
openstack server stop q-off
openstack server pause q-hold
sleep 3
openstack server add volume q-run q-vol >/dev/null
before=$(states)
[ "$before" = $'q-hold PAUSED 3\nq-off SHUTOFF 4\nq-run ACTIVE 1' ] || fail "$before"
/usr/bin/env python3 -m lab restart "r$region-nova-compute" >/dev/null
[ "$(states)" = "$before" ] || fail "after the restart: $(states)"
step "nova-compute restarted, three servers as before"

/usr/bin/env python3 -m lab stop-region "$region" >/dev/null
refused . openstack server list
openstack --os-cloud "region$other" server list -f value >/dev/null
/usr/bin/env python3 -m lab start-region "$region" >/dev/null
[ "$(states)" = "$before" ] || fail "after the region's death: $(states)"
step "region stopped (the other one answers) and started, three servers as before"

openstack server start q-off
openstack server unpause q-hold
openstack server reboot --hard --wait q-run >/dev/null
openstack server remove volume q-run q-vol
all=$'q-hold ACTIVE 1\nq-off ACTIVE 1\nq-run ACTIVE 1'
for _ in $(seq 10); do [ "$(states)" = "$all" ] && break; sleep 1; done
[ "$(states)" = "$all" ] || fail "$(states)"
port=$(openstack port create --network q-net q-port -f value -c id)
openstack server add port q-run "$port"
openstack server remove port q-run "$port"
bigger=$(openstack flavor list --sort-column RAM -f value -c Name | sed -n 2p)
openstack server resize --flavor "$bigger" --wait q-run >/dev/null
openstack server resize revert q-run
until_active() { for _ in $(seq 60); do [ "$(openstack server show q-run -f value -c status)" = ACTIVE ] && return; sleep 0.5; done; fail "not ACTIVE"; }
until_active
openstack server add port q-run "$port"
openstack server remove port q-run "$port"
openstack server resize --flavor "$bigger" --wait q-run >/dev/null
openstack server resize confirm q-run
until_active
step "start, unpause, reboot, volume, port and resize work on them"

openstack server delete --wait q-run q-off q-hold
openstack volume delete q-vol
openstack port delete q-port
openstack network delete q-net
left=$(openstack server list -f value -c ID; openstack port list -f value -c ID)
[ -z "$left" ] || fail "left: $left"
[ -z "$(find "$LAB_STATE/r$region/nova/servers" -type f)" ] || fail "the virt driver remembers deleted servers"
step "all deleted, nothing left"
