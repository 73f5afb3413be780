#!/bin/sh
# A gate for pipelines: is the live mesh what its newest snapshot has?
# Ends with 0 if it is, with 1 if not (drift.json has what differs, and who wrote it), with anything else if nobody knows.
set -u

kubectl istio-upgrade diff -o json > drift.json
status=$?
case $status in
    0) echo "no drift" ;;
    1) kubectl istio-upgrade diff --stat ;;
    *) echo "whether the mesh has drifted is not known" >&2 ;;
esac
exit $status
