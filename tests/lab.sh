#!/usr/bin/env bash
# What `make test` runs after `make check`: everything that needs two real OpenStack regions on this machine. The driver
# contract suite, the stories against a bare region, and the end-to-end tests; then the lab goes down again, and no
# resource of ours left in a region and no process left on the machine goes unsaid. About half an hour on two cores.
# E2E names the end-to-end tests; without it, those that pass in one go on every run. `make e2e` runs all of them.
# LAB_STATE and LAB_SLOT choose another lab than the usual one; VREGION_E2E_SEEDS how often vregion is killed.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
export LAB_STATE=${LAB_STATE:-/var/tmp/lab}
export VREGION_LAB_CLOUDS=$LAB_STATE/clouds.yaml
E2E=${E2E:-tests/e2e/test_bad_input.py tests/e2e/test_dead_zone.py}

parts=(
  "the driver contract suite on OpenStack (tests/drivers)"
  "the stories against a bare region (tests/stories, VREGION_STORIES=region1)"
  "the end-to-end tests ($E2E)"
)
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

say "the lab"
$python -m lab install
if ! [ -d "$LAB_STATE/snap/plain-plain" ]; then
  $python -m lab up 2
  $python -m lab snapshot
fi
$python -m lab up 2
before=$($python -m tests.inventory)

failed=()
say "${parts[0]}"
for region in region1 region2; do
  VREGION_LAB_REGION=$region $python -m pytest -m lab tests/drivers || failed+=("tests/drivers on $region")
done
say "${parts[1]}"
VREGION_STORIES=region1 $python -m pytest tests/stories || failed+=("tests/stories on region1")
say "${parts[2]}"
# shellcheck disable=SC2086
$python -m pytest -m lab -s --durations=15 $E2E || failed+=("$E2E")

say "what is left"
after=$($python -m tests.inventory)
if left=$(comm -13 <(sort <<<"$before") <(sort <<<"$after") | grep .); then
  say "LEFT IN THE REGIONS:"$'\n'"$left"
fi
$python -m lab down
trap - EXIT
if left=$(ours | grep .); then
  say "LEFT ON THE MACHINE:"$'\n'"$left"
fi
if [ ${#failed[@]} -gt 0 ]; then
  say "FAILED"
  printf -- '- %s\n' "${failed[@]}"
  exit 1
fi
say "all of it passed"
