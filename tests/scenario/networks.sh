#!/bin/bash
# A tracker that knows two racks tells peers of their own rack first, and of a few others.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start_tracker --set announce_interval=60s --set 'networks=[["127.1.0.0/16"], ["127.0.0.0/8"]]'
port=${tracker##*:}

# announce FROM NUMWANT: peers' addresses as the answer names them, one a line.
announce() {
  "$python" - "$1" "$2" "$port" "$support" <<'PYTHON'
import json, socket, sys
source, numwant, port, support = sys.argv[1:]
sys.path.insert(0, support)
from wire import recv_frame, send_frame
with socket.create_connection(("127.0.0.1", int(port)), 10, (source, 0)) as sock:
    send_frame(sock, json.dumps({"port": 5555, "peer_id": source, "event": "started",
                                 "info_hash": "ab" * 32, "numwant": int(numwant)}).encode())
    for peer in json.loads(recv_frame(sock))["peers"]:
        print(peer["peer-ip"])
PYTHON
}

for i in $(seq 20); do
  announce "127.1.0.$i" 1 >/dev/null
  announce "127.2.0.$i" 1 >/dev/null
done
announce 127.1.0.1 8 >"$work/near_one"
announce 127.2.0.1 8 >"$work/near_two"
check "as many as were wanted" test "$(wc -l <"$work/near_one")" = 8
check "the longest block decides: three quarters come from the asker's rack, and come first" \
  test "$(head -n 6 "$work/near_one" | grep -c '^127\.1\.')" = 6
check "the rest come from the other" test "$(tail -n 2 "$work/near_one" | grep -c '^127\.2\.')" = 2
check "the other rack is told the same way" \
  test "$(head -n 6 "$work/near_two" | grep -c '^127\.2\.') $(tail -n 2 "$work/near_two" | grep -c '^127\.1\.')" = "6 2"
announce 127.1.0.1 200 >"$work/all"
check "whoever wants all gets all but himself" test "$(sort -u "$work/all" | wc -l)" = 39
finish
