#!/bin/bash
# Signed torrents: with trusted keys a host takes only what somebody it trusts has signed, whoever
# may write to its watched directory; a wrong signature is refused everywhere. A reload that trusts
# other keys stops what runs, and starts what waits.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

peerctl=$BIN/peerctl
cd "$work"

# change FROM TO STATEMENT: TO is FROM after a Python statement about `t`, the document.
change() {
  "$python" -c 'import json, sys
t = json.load(open(sys.argv[1]))
exec(sys.argv[3])
json.dump(t, open(sys.argv[2], "w"))' "$@"
}
noted() { wait_until 20 grep -Eqs -- "$2" "$work/host/torrents/$1.torrent.invalid"; }
no_note() { [ ! -e "$work/host/torrents/$1.torrent.invalid" ]; }
taken() { wait_for_line host/log "torrent\.added .* name=$1\$"; }
complete() { wait_for_line host/log "torrent\.complete .* name=$1 "; }
# trusts KEY...: in the configuration of the host.
trusts() {
  local IFS=,
  echo "trusted_keys: [$*]" >host.yaml
}
# says REGEX: what was printed by the command of the last check_exit.
says() {
  cp check.out said
  check "  … saying why" grep -Eq "$1" said
}
reload() { kill -HUP "${pids[host]}"; }

start_tracker
"$peerctl" keygen -o mine 2>/dev/null
"$peerctl" keygen -o other 2>/dev/null
"$peerctl" keygen -o stranger 2>/dev/null
mine=$(cat mine.pub)
for name in plain good other stranger original; do random_file 3000 "$name.bin" ${#name}; done
make_torrent plain.bin plain.torrent
make_torrent good.bin good.torrent --sign mine
make_torrent other.bin other.torrent --sign other
make_torrent stranger.bin stranger.torrent --sign stranger
make_torrent original.bin original.torrent --sign mine --original
sed 's/\.bin"/.bad"/' good.torrent >renamed.torrent
change good.torrent announced.torrent "t['port'] = 1"
change good.torrent listed.torrent "t['announce_list'] = [{'announce': '127.0.0.1', 'port': 1}]"
change good.torrent stolen.torrent "t['signature']['key'] = '$(cat other.pub)'"
change stranger.torrent posing.torrent "t['signature']['key'] = '$mine'"
change good.torrent cut.torrent "t['signature']['value'] = t['signature']['value'][:-2]"
change good.torrent empty.torrent "t['signature'] = {}"
change good.torrent remarked.torrent "t['comment'] = 'a remark'"

echo "# peerctl"
check "show names the key" grep -qx "signed by     $mine" <("$peerctl" show good.torrent)
check "and says that the signature is right" grep -qx 'signature     right' <("$peerctl" show good.torrent)
check "or wrong" grep -qx 'signature     WRONG' <("$peerctl" show announced.torrent 2>/dev/null)
check "also to programs" grep -q '"right": false' <("$peerctl" show --json announced.torrent 2>/dev/null)
check_exit "with an exit code of its own" 65 "$peerctl" show announced.torrent
says 'announced.torrent: signature'
check_exit "so with --json" 65 "$peerctl" show --json announced.torrent
check_exit "a right signature has none" 0 "$peerctl" show good.torrent
check "and nothing of one that is not signed" test -z "$("$peerctl" show plain.torrent | grep sign)"
check_exit "verify takes a right signature" 0 "$peerctl" verify good.torrent
check_exit "one that covers no comment" 0 "$peerctl" verify remarked.torrent
for name in renamed announced listed stolen posing cut empty; do
  check_exit "verify refuses: $name" 65 "$peerctl" verify "$name.torrent" good.bin
  says signature
done
mkdir there
cp ./*.bin there
get() { timeout $((20 * SLOW)) "$peerctl" get "$1.torrent" -o there --listen 127.0.0.1:0 "${@:2}"; }
check_exit "get takes what is signed by a trusted key" 0 get good --trusted-key mine.pub
check_exit "by one of several" 0 get other --trusted-key "$mine" --trusted-key other.pub
check_exit "what nobody has signed, if no key is asked for" 0 get plain
check_exit "and else does not" 65 get plain --trusted-key mine.pub
check_exit "nor what somebody else has signed" 65 get stranger --trusted-key mine.pub
check_exit "nor a wrong signature, whoever is trusted" 65 get announced
check_exit "a private key is none to trust" 65 get good --trusted-key mine
check_exit "nor is a file that is not there" 66 get good --trusted-key missing.pub
if command -v openssl >openssl.path; then
  openssl genpkey -algorithm ed25519 -out ssl.key
  openssl pkey -in ssl.key -pubout -out ssl.pub
  make_torrent plain.bin ssl.torrent --sign ssl.key
  cp ssl.torrent there/
  check_exit "keys of openssl are as good" 0 get ssl --trusted-key ssl.pub
  openssl pkey -in ssl.key -aes128 -passout pass:word -out locked.key
  check_exit "but for one with a passphrase" 65 \
    "$peerctl" make plain.bin --announce "$tracker" -o - --sign locked.key
  says passphrase
fi

echo "# the configuration"
# refused KEYS COMPLAINT
refused() {
  echo "trusted_keys: $1" >bad.yaml
  check_exit "refused: trusted_keys: $1" 78 "$BIN/peerd" --test-config --config bad.yaml
  says "bad\.yaml:1:[0-9]+: trusted_keys: $2"
}
refused "$mine" 'must be a list'
refused "[${mine%?}]" 'neither 64 hex digits nor'
refused "[missing.pub]" "neither 64 hex digits nor a key's file"
refused "[mine]" 'mine: is a private key'
refused "[good.bin]" 'good.bin: holds no public key'
refused '[""]' 'is empty'
trusts mine.pub "$(cat other.pub)"
check_exit "taken: a file and the digits" 0 "$BIN/peerd" --test-config --config host.yaml

echo "# peerd"
start_peer seeder
cp ./*.bin seeder/downloads/
drop seeder {plain,good,other,stranger,original}.torrent
check "without trusted keys any torrent is taken" \
  wait_until 20 has_lines seeder/log 'torrent\.seeding ' 5
cp announced.torrent "$work/seeder/torrents/"
check "but for one that is wrongly signed" \
  wait_until 20 grep -qs 'signature\.value: is wrong' seeder/torrents/announced.torrent.invalid

trusts mine.pub
mkdir -p host/torrents
cp plain.torrent renamed.torrent host/torrents/ # they wait there
start_peer host --config host.yaml
check "what waits at the start is judged: not signed" noted plain 'signature: missing'
check "or wrongly" noted renamed 'signature\.value: is wrong'
drop host {announced,listed,stolen,posing,cut,empty,other,stranger}.torrent
for name in announced listed stolen posing; do
  check "refused: $name" noted "$name" 'signature\.value: is wrong'
done
check "refused: cut" noted cut 'signature\.value: must be 128'
check "refused: empty" noted empty 'signature\.key: missing'
check "refused: of a key that is not trusted" noted stranger "$(cat stranger.pub) is not one"
check "each is logged" wait_for_line host/log 'error torrent\.invalid file=stranger\.torrent reason='
drop host {good,original}.torrent
check "what is rightly signed is fetched" complete good.bin
check "in the original form, too" complete original.bin
check "as it was" cmp good.bin host/downloads/good.bin
check "and nothing else was begun" test "$(find host/downloads -type f | wc -l)" = 2

echo "# other keys"
trusts mine.pub other.pub
reload
check "after a reload what has become trusted starts" complete other.bin
check "and its note goes" wait_until 5 no_note other
check "the log names the key of the configuration" \
  wait_for_line host/log 'config\.reloaded .*changed=.*trusted_keys'
trusts other.pub
reload
check "what is no longer trusted gets its note" noted good "$mine is not one"
check "and stops" wait_for_line host/log 'torrent\.stopped .*name=good\.bin$'
check "its data stays" cmp good.bin host/downloads/good.bin
check "what is still trusted runs on" wait_until 5 has_status host other.bin state seeding
check "and was not started again" test "$(count_lines host/log 'torrent\.added .*name=other\.bin$')" = 1
echo "trusted_keys: [mine]" >host.yaml
reload
check "a bad key is refused" wait_for_line host/log 'error config\.rejected .*private key'
check "and all stays as it was" test -e host/torrents/good.torrent.invalid
cp other.pub mine.pub.before && mv mine.pub.before current.pub
trusts current.pub
reload
check "the same key by another name is no change" wait_for_line host/log 'config\.reloaded changed="" '
cp mine.pub current.pub
reload
check "a file with another key is another key" wait_until 20 has_lines host/log 'torrent\.added .*name=good\.bin$' 2
check "and the log says that the keys have changed" \
  wait_until 5 has_lines host/log 'config\.reloaded changed=trusted_keys ' 3
check "which is not fetched again" test "$(count_lines host/log 'torrent\.complete .*name=good\.bin ')" = 1
check "and the other way round" noted other "$(cat other.pub) is not one"
echo 'trusted_keys: []' >host.yaml
reload
check "without trusted keys all are taken" taken plain.bin
check "whoever has signed them" taken stranger.bin
check "but for those that are wrongly signed" noted stolen 'signature\.value: is wrong'
trusts mine.pub
reload
check "with a key, no longer" noted plain 'signature: missing'
check_exit "it stops in order" 0 stop_in_time host
finish
