#!/usr/bin/env bash
# What the README promises a newcomer, on a bare Debian 13: an ordinary user runs its first command,
# then the tests that touch every outside library (or those that the arguments pick for pytest).
# Needs a Linux where root may mount, Debian's packages and PyPI; where it lacks one, it fails.
set -euo pipefail

cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || exec sudo --preserve-env .ci/debian.sh "$@"

if [ "${1:-}" != --in-namespace ]; then
    [ $# -gt 0 ] || set -- -m smoke
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends debootstrap debian-archive-keyring >/dev/null
    # Mounts and processes of its own, which are gone with it, however it ends.
    work=$(mktemp -d)
    set -m # or what runs in the background would be deaf to Ctrl-C, which tests send
    unshare --mount --pid --fork --kill-child .ci/debian.sh --in-namespace "$work" "$@" </dev/null &
    trap 'kill -KILL $! 2>/dev/null || true; rmdir "$work"' EXIT
    wait $!
    exit
fi
work=$2
root=$work/root
shift 2
# In memory, which is faster than a disk and leaves nothing there. It takes two gigabytes.
mount -t tmpfs -o size=4G tmpfs "$work"

fail() {
    echo ".ci/debian.sh: $*" >&2
    exit 1
}

quietly() {
    "$@" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        fail "this failed: $*"
    }
}

apt() {
    quietly chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        DEBIAN_FRONTEND=noninteractive "${network[@]}" \
        apt-get -y --no-install-recommends -o Acquire::https::CaInfo=/etc/authorities.crt "$@"
}

as_user() {
    chroot --userspec=me "$root" env -i --chdir="/home/me/my clone" \
        HOME=/home/me PATH=/usr/bin:/bin "${network[@]}" "$@"
}

# The way to the network is this machine's: its mirror of Debian, proxy, index and authorities.
eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
export http_proxy
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | sed -n 1p)
mapfile -t network < <(env | grep -iE '^(https?|no|all)_proxy=.')
for setting in index-url proxy trusted-host; do
    name=PIP_${setting^^}
    name=${name//-/_}
    value=${!name:-$(python3 -m pip config get "global.$setting" 2>/dev/null || true)}
    [ -z "$value" ] || network+=("$name=$value")
done

echo "A bare Debian 13 ..."
# Without a mirror of this machine's, debootstrap knows one itself.
quietly debootstrap --variant=minbase --include=python3 trixie "$root" ${mirror:+"$mirror"}
authorities=${PIP_CERT:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}
if [ -f "$authorities" ]; then
    cp "$authorities" "$root/etc/authorities.crt"
    network+=(PIP_CERT=/etc/authorities.crt)
fi
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t devpts devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
chroot "$root" useradd --create-home me
git clone -q --no-hardlinks . "$root/home/me/my clone"
chroot "$root" chown -R me: /home/me

echo "Without python3-venv: the way out is named"
if said=$(as_user python3 scripts/dev.py demo 2>&1); then
    fail "this should have failed without python3-venv: python3 scripts/dev.py demo"
fi
echo "$said"
[[ $said == *"apt install python3.13-venv"* && $said != *Traceback* ]] || fail "not the way out"

echo "With it, as the README says"
apt update
apt install python3-venv
as_user python3 scripts/dev.py demo
as_user test -s dataset/report.html || fail "the demo left no report"

echo "With the system's pip in its stead: the tests $*"
apt purge python3-venv python3.13-venv
apt install python3-pip
as_user rm -r .venv
as_user python3 scripts/dev.py test "$@"
as_user test ! -e .venv/bin/pip || fail "the environment had a pip of its own: nothing was proved"
