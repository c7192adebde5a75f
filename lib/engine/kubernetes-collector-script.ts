/**
 * The collector: a native sidecar from the test's own image that keeps /gpu-ci/out readable after the test has ended. `hold` is its main
 * program: told by TERM that the test is over, it stays only while somebody reads. `send` is run in it by exec: it blocks until the test has
 * ended, writes to stdout `tar` and an archive, its checksums to stderr at the same time, or `cat`, a line `SHA256 SIZE PATH` for each file, `end`
 * and their bytes, and waits for `ok` on stdin before it lets the wrapper go. Both outputs come over one connection, which a full one holds up: no
 * reader of one may have to wait for the other. A sender whose reader is gone lives on in the container: it hands its wake on and gives way to the newest.
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
    echo tar
    { find . -type f -exec sha256sum {} +; echo end; } >&2 &
    tar -cf - .; wait
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
esac
`;
