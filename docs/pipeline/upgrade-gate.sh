#!/bin/sh
# A gate for pipelines: may this mesh be upgraded to the release that is the first argument?
# Ends with 0 if it may, with 3 if something is in the way (plan.json has what), with anything else if nobody knows.
# Further arguments are passed on: --ignore CODE, --istioctl PATH, --context NAME.
set -u

kubectl istio-upgrade upgrade --plan -o json --to "$@" > plan.json
status=$?
case $status in
    0) echo "nothing is in the way of $1" ;;
    3) kubectl istio-upgrade precheck --to "$@" ;;
    *) echo "whether the mesh may be upgraded is not known" >&2 ;;
esac
exit $status
