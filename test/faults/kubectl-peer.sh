#!/bin/bash
# The peer of the fault tests: a Job by hand, as most pipelines have it. Needs kubectl, MANIFEST, JOB and LOG.
trap 'kubectl delete job "$JOB" --ignore-not-found' EXIT
kubectl create -f "$MANIFEST" || exit
kubectl wait --for=condition=complete --timeout=10m "job/$JOB"
code=$?
kubectl logs "job/$JOB" >"$LOG"
cat "$LOG"
exit "$code"
