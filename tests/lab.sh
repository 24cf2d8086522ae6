#!/usr/bin/env bash
# What `make test` runs after `make check`: everything that needs two real OpenStack regions on this machine. The driver
# contract suite, the stories against bare regions, the end-to-end tests, and on a second lab, whose switches carry
# packets, those that send some; on a third lab, which has OVN in one region, what needs that. Then the lab goes down
# again, and no resource of ours may be left in a region and no process of ours on the machine. A lab that runs already
# goes down first. Some 36 minutes on two cores. Where the kernel has no network namespaces the last line says what was
# not run. What would take as long again as a part has a target of its own: `make clients` (Ansible and Rally),
# `make packets` (task graphs, trunks, limits and a dead zone, with packets); VREGION_PACKETS=all runs these here.
# LAB_STATE and LAB_SLOT choose another lab than the usual one; VREGION_E2E_SEEDS how often vregion is killed.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
export LAB_STATE=${LAB_STATE:-/var/tmp/lab}
export VREGION_LAB_CLOUDS=$LAB_STATE/clouds.yaml

parts=(
  "the driver contract suite on OpenStack (tests/drivers)"
  "the stories against bare regions (tests/stories, VREGION_STORIES=region1 or region2)"
  "the end-to-end tests (tests/e2e)"
  "the end-to-end tests that send packets (tests/e2e/test_{north_south,routed,stretched}.py, or all)"
  "the end-to-end test of several gateways, which needs OVN (tests/e2e/test_gateways.py)"
)
packets=(tests/e2e/test_{north_south,routed,stretched}.py)
rare=(tests/e2e/test_{graphs,trunks}.py)
mixed=(tests/e2e/test_gateways.py)
ignored=("${packets[@]/#/--ignore=}" "${rare[@]/#/--ignore=}" "${mixed[@]/#/--ignore=}")
if [ "${VREGION_PACKETS:-}" = all ]; then packets+=("${rare[@]}"); fi
if [ "$(id -u)" != 0 ]; then
  echo "Not root, and the lab needs root. NOT RUN:"
  printf -- '- %s\n' "${parts[@]}"
  exit 0
fi

began=$SECONDS
say() { printf '== %4d s  %s\n' $((SECONDS - began)) "$*"; }
# Whatever starts here inherits this mark; who still bears it at the end was left behind.
export VREGION_TEST_RUN="run-$$-$RANDOM"
ours() {
  local environ pid
  for environ in /proc/[0-9]*/environ; do
    pid=${environ#/proc/}; pid=${pid%/environ}
    if [ "$pid" != $$ ] && [ "$pid" != "$BASHPID" ] && grep -qz "^VREGION_TEST_RUN=$VREGION_TEST_RUN$" "$environ" 2>/dev/null; then
      tr '\0' ' ' <"/proc/$pid/cmdline" && echo
    fi
  done 2>/dev/null
}
trap '$python -m lab down >/dev/null 2>&1 || true' EXIT
failed=()
# What is in the regions now and was not there at `before`.
nothing_left() {
  local left
  if left=$(comm -13 <(sort <<<"$before") <($python -m tests.inventory | sort) | grep .); then
    failed+=("left in the regions:"$'\n'"$left")
  fi
}
carries_packets() {
  unshare -n ip link add probe0 type veth peer name probe1 && unshare -n ip link add probe type bridge
} 2>/dev/null

say "the lab"
$python -m lab down
$python -m lab install
$python -m lab up 2
before=$($python -m tests.inventory)
# Each region is asked by a process of its own; the stories are dealt out between them.
say "${parts[0]}, on each region; then ${parts[1]}"
other="test_story and (network/ or image/)"
on_a_region() {
  local failed=0
  VREGION_LAB_REGION=$1 $python -m pytest -p no:cacheprovider -m lab tests/drivers || failed=1
  VREGION_STORIES=$1 $python -m pytest -p no:cacheprovider tests/stories -k "$2" || failed=1
  return $failed
}
on_a_region region2 "$other" >"$LAB_STATE/region2.out" 2>&1 &
on_a_region region1 "not ($other)" || failed+=("tests/drivers or tests/stories on region1")
wait $! || failed+=("tests/drivers or tests/stories on region2")
cat "$LAB_STATE/region2.out"
say "${parts[2]}"
$python -m pytest -m "lab and not clients" -s --durations=15 tests/e2e "${ignored[@]}" || failed+=("tests/e2e")
nothing_left
$python -m lab down

say "${parts[3]}"
if carries_packets; then
  $python -m lab install --net
  $python -m lab up 2 --net
  before=$($python -m tests.inventory)
  $python -m pytest -m lab -s --durations=15 "${packets[@]}" || failed+=("${packets[*]}")
  nothing_left
  $python -m lab down

  say "${parts[4]}"
  $python -m lab up 2 --planes ovs,ovn
  before=$($python -m tests.inventory)
  $python -m pytest -m lab -s "${mixed[@]}" || failed+=("${mixed[*]}")
  nothing_left
  $python -m lab down
else
  not_run="; NOT RUN, for this kernel has no network namespaces: ${parts[3]}; ${parts[4]}"
fi
trap - EXIT
left=$(ours)
if [ -n "$left" ]; then
  failed+=("left on the machine:"$'\n'"$left")
fi
if [ ${#failed[@]} -gt 0 ]; then
  say "FAILED"
  printf -- '- %s\n' "${failed[@]}"
  exit 1
fi
say "all of it passed; nothing is left in the regions or on the machine${not_run:-}"
