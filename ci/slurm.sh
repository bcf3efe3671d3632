#!/usr/bin/env bash
# The workflow on a real SLURM: a cluster of one node is set up on this machine, `ci/workflow.sh` runs on it with the profile
# `slurm`, and the cluster is taken down. Usage, as root: ci/slurm.sh PATH/TO/dynvision [PATH/TO/snakemake]
# Needs Debian's packages slurm-wlm and munge; where they are not, this is skipped, with a word.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "$1") snakemake=${2:-}
for tool in slurmctld slurmd sbatch munged; do
    command -v $tool > /dev/null || { echo "slurm: skipped, there is no $tool (apt-get install slurm-wlm munge)"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo "slurm: skipped, only root may start a node"; exit 0; }
# the steps of a job find their cluster here alone: Snakemake takes SLURM's variables from their environment
conf=/etc/slurm/slurm.conf
[ ! -e $conf ] || { echo "slurm: skipped, this machine has a cluster already ($conf)"; exit 0; }
cluster=$(mktemp -d)
mkdir -p "$cluster/state" "$cluster/spool"
own_munge=0
stop() {
    pkill -F "$cluster/slurmd.pid" 2> /dev/null || true
    pkill -F "$cluster/slurmctld.pid" 2> /dev/null || true
    [ $own_munge = 0 ] || pkill -x munged || true
    rm -rf "$cluster" $conf
}
trap stop EXIT
if ! munge -n > /dev/null 2>&1; then
    [ -e /etc/munge/munge.key ] || mungekey --create
    chown munge: /etc/munge/munge.key
    install -d -o munge -g munge /run/munge /var/log/munge /var/lib/munge
    runuser -u munge -- munged
    own_munge=1
fi
host=$(hostname -s) cpus=$(nproc) mb=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)
mkdir -p /etc/slurm
cat > $conf <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SchedulerParameters=sched_interval=2
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$mb State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
slurmctld
slurmd
for _ in $(seq 60); do sinfo --noheader --states=idle 2> /dev/null | grep -q main && break; sleep 0.5; done
sinfo --version
sinfo || { cat "$cluster"/*.log; exit 1; }
profile=slurm epochs=${epochs:-12} "$here/workflow.sh" "$program" $snakemake || { squeue || true; tail -n 20 "$cluster"/*.log; exit 1; }
