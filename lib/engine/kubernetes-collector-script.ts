/**
 * The collector: a native sidecar from the test's own image that keeps /gpu-ci/out readable after the test has ended. `hold` is its main
 * program: told by TERM that the test is over, it stays only while somebody reads. `send` is run in it by exec: it blocks until the test has
 * ended, writes to stdout `tar` and an archive, its checksums to stderr at the same time, or `cat`, a line `SHA256 SIZE PATH` for each file, `end`
 * and their bytes, and waits for `ok` on stdin before it lets the wrapper go. Both outputs come over one connection, which a full one holds up: no
 * reader of one may have to wait for the other. A sender whose reader is gone lives on in the container: it hands its wake on and gives way to the newest.
 * Much to send it `offer`s over a connection of its own, which costs the cluster half as much: told `serve PORT TOKEN` on stdin it answers one GET
 * of /TOKEN with the archive, upgraded to `tar` where that is asked for, if perl or busybox can listen; then `there` asks for the checksums alone, `here` for both, as without an offer.
 * Fifos wake the other side without polling; an image without mkfifo gets the grace period alone.
 */
export const collectorScript = `#!/bin/sh
control=/gpu-ci/control out=/gpu-ci/out
walk() { # DIRECTORY COMMAND: regular files only, links are left out
  for path in "$1"/* "$1"/.[!.]*; do
    if [ -h "$path" ]; then :; elif [ -d "$path" ]; then walk "$path" "$2"; elif [ -f "$path" ]; then "$2" "$path"; fi
  done
}
size_of() { wc -c <"$1" | tr -d ' '; }
list() { echo "$(sum_of "$1") $(size_of "$1") $1"; }
sum_of() { if command -v sha256sum >/dev/null; then sum=$(sha256sum <"$1"); echo "\${sum%% *}"; else echo -; fi; }
give() { head -c "$(size_of "$1")" "$1"; }
sums() { # openssl, which Debian installs with ca-certificates, is four times as fast
  if openssl dgst -sha256 -r </dev/null >/dev/null 2>&1; then set -- openssl dgst -sha256 -r; else set -- sha256sum; fi
  find . -type f -exec "$@" {} +; echo end
}
much() { kib=$(du -sk . 2>/dev/null); [ "\${kib%%[!0-9]*}" -ge 65536 ] 2>/dev/null; }
listener() { if perl -MSocket -e 1 2>/dev/null; then echo perl; elif nc --help 2>&1 | grep -q 'e PROG'; then echo nc; fi; }
listen() { # PORT: of both families where the pod has them
  case $(listener) in
  perl) exec perl -MSocket=:all -e '$p = shift;
    socket(S, AF_INET6, SOCK_STREAM, 0) && bind(S, pack_sockaddr_in6($p, IN6ADDR_ANY)) or socket(S, AF_INET, SOCK_STREAM, 0) && bind(S, pack_sockaddr_in($p, INADDR_ANY)) or exit 1;
    listen(S, 1) && accept(C, S) or exit 1; open STDIN, "<&C"; open STDOUT, ">&C"; exec @ARGV' "$1" /bin/sh "$0" answer ;;
  nc) exec nc -l -p "$1" -e /bin/sh "$0" answer ;;
  esac
}
newest() { read -r reader <"$control/reading" && [ "$reader" = $$ ]; }
stopped() {
  : >"$control/stopping"; : >"$control/done"; [ ! -p "$control/ended" ] || echo >&8
  [ -e "$control/reading" ] && [ ! -e "$control/sent" ] || exit 0
}
case $1 in
hold)
  mkfifo "$control/ended" "$control/read" 2>/dev/null
  [ ! -p "$control/ended" ] || exec 8<>"$control/ended"
  trap stopped TERM
  while :; do sleep 3600 & wait $!; done
  ;;
send)
  echo $$ >"$control/reading"
  if [ ! -e "$control/done" ] && [ -p "$control/ended" ]; then exec 8<>"$control/ended"; read -r _ <&8; echo >&8; fi
  while [ ! -e "$control/done" ]; do sleep 1; done
  newest && cd "$out" || exit 1
  if command -v tar >/dev/null && command -v find >/dev/null && command -v sha256sum >/dev/null; then
    how=here
    if much && [ "$(listener)" ]; then
      echo offer
      while read -r how port GPU_CI_TOKEN && [ "$how" = serve ]; do export GPU_CI_TOKEN; listen "$port" >/dev/null 2>&1 & done
    else
      echo tar
    fi
    sums >&2 & sums=$!
    [ "$how" = there ] || tar -cf - .
    wait "$sums"
  else
    echo cat
    walk . list
    echo end
    walk . give
  fi
  newest && rm -f "$control/reading"
  read -r answer && [ "$answer" = ok ] && : >"$control/sent" && [ -p "$control/read" ] && echo 1<>"$control/read"
  [ ! -e "$control/stopping" ] || kill -TERM 1
  ;;
answer)
  end=$(printf '\\r') upgrade=''; read -r _ path _
  while read -r line && [ "$line" != "$end" ]; do case $line in [Uu]pgrade:*) upgrade=1 ;; esac; done
  if [ "\${path%%\\?*}" != "/$GPU_CI_TOKEN" ]; then printf 'HTTP/1.0 404 Not Found\\r\\n\\r\\n'; exit; fi
  if [ "$upgrade" ]; then printf 'HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: tar\\r\\n\\r\\n'
  else printf 'HTTP/1.0 200 OK\\r\\nContent-Type: application/x-tar\\r\\n\\r\\n'; fi
  cd "$out" && exec tar -cf - .
  ;;
esac
`;
