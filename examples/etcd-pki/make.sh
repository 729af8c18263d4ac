#!/bin/sh
# The certificates of an etcd cluster with TLS for its clients and among its members.
#
#   ./make.sh DIRECTORY NAME=ADDRESS…        ./make.sh pki a=10.0.0.1 b=10.0.0.2 c=10.0.0.3
#
# Wants `cfssl` and `cfssljson` on PATH: coracle under these names (`ln -s coracle cfssl`), or
# CloudFlare's. In DIRECTORY: ca.pem, client.pem, and NAME-server.pem and NAME-peer.pem of each member,
# each with its key beside it (X-key.pem, mode 0600). ca-key.pem belongs in a safe place.
set -eu

inputs=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 2 ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
mkdir -p "$1"
cd "$1"
shift

make() { # profile, request, name of the files, hosts
    cfssl gencert -ca ca.pem -ca-key ca-key.pem -config "$inputs/ca-config.json" \
        -profile "$1" ${4:+-hostname "$4"} "$inputs/$2" | cfssljson -bare "$3"
}

cfssl gencert -initca "$inputs/ca-csr.json" | cfssljson -bare ca
make client client-csr.json client
for member in "$@"; do
    name=${member%%=*} address=${member#*=}
    make server member-csr.json "$name-server" "$name,localhost,127.0.0.1,$address"
    make peer member-csr.json "$name-peer" "$name,localhost,127.0.0.1,$address"
done
