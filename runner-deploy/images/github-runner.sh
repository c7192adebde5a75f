#!/bin/sh
# The runner takes the variable out of its environment before it starts a job; an argument would stay readable in the process list.
set -eu
ACTIONS_RUNNER_INPUT_JITCONFIG=$(cat /etc/gpu-ci-runner/jitconfig)
export ACTIONS_RUNNER_INPUT_JITCONFIG
exec /runner/run.sh
