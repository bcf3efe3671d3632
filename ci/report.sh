#!/usr/bin/env bash
# Opens a report in headless Chromium: it draws, its player works, it says nothing on the console, and it prints.
# Skipped, with a word, where there is no Chromium. With an argument, pictures of the page are left in that folder.
set -eu
cd "$(dirname "$0")/.."
browser=""
for name in "${CHROMIUM:-chromium}" chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null 2>&1; then browser=$(command -v "$name"); break; fi
done
if [ -z "$browser" ]; then
  echo "report in a browser: skipped, no Chromium (set CHROMIUM, or install Debian's package chromium)"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
DYNVISION_REPORT="$folder/report.html" cargo test --quiet --workspace --features dynvision/fetch --test report the_report_has_everything >"$folder/build" 2>&1 ||
  { cat "$folder/build"; exit 1; }
[ -s "$folder/report.html" ] || { echo "report in a browser: no report was written"; exit 1; }

chromium() {
  timeout 120 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --disable-extensions --no-first-run \
    --user-data-dir="$folder/profile" --enable-logging=stderr --virtual-time-budget=8000 "$@" 2>"$folder/log"
}

# The same page with what a reader does: faults are gathered from before anything else runs.
python3 - "$folder/report.html" "$folder/driven.html" ci/report_driver.js <<'PY'
import sys
page, out, driver = (open(sys.argv[1], encoding="utf-8").read(), sys.argv[2], open(sys.argv[3], encoding="utf-8").read())
early = "<script>window.faults = []; addEventListener('error', (e) => faults.push(e.message)); " \
        "addEventListener('securitypolicyviolation', (e) => faults.push('refused ' + e.blockedURI));</script>"
assert page.count("<head>") == 1 and page.count("</body>") == 1
page = page.replace("<head>", "<head>" + early).replace("</body>", "<script>" + driver + "</script></body>")
open(out, "w", encoding="utf-8").write(page)
PY
chromium --window-size=1280,900 --dump-dom "file://$folder/driven.html" >"$folder/dom"
verdict=$(sed -n 's/.*<pre id="verdict">\([^<]*\)<\/pre>.*/\1/p' "$folder/dom")
if [ "$verdict" != "ok" ]; then
  echo "report in a browser: failed: ${verdict:-the driver did not end}"
  grep -a CONSOLE "$folder/log" || true
  exit 1
fi
chromium --window-size=1280,900 --dump-dom "file://$folder/report.html" >/dev/null
if grep -a CONSOLE "$folder/log"; then echo "report in a browser: failed: the console is not empty"; exit 1; fi
# a phone: nothing is wider than the screen but what scrolls by itself
python3 - "$folder/report.html" "$folder/phone.html" <<'PY'
import sys
page = open(sys.argv[1], encoding="utf-8").read()
frame = "<!DOCTYPE html><body style='margin:0'><iframe style='border:0;width:390px;height:800px'></iframe><pre id='verdict'></pre><script>" \
    "const f = document.querySelector('iframe'); f.onload = () => { const d = f.contentDocument.documentElement;" \
    "document.getElementById('verdict').textContent = d.scrollWidth <= 390 ? 'ok' : 'the page is ' + d.scrollWidth + ' wide'; };" \
    "f.srcdoc = new TextDecoder().decode(Uint8Array.from(atob('PAGE'), (c) => c.charCodeAt(0)));</script>"
import base64
open(sys.argv[2], "w").write(frame.replace("PAGE", base64.b64encode(page.encode()).decode()))
PY
chromium --window-size=800,900 --dump-dom "file://$folder/phone.html" >"$folder/dom"
verdict=$(sed -n 's/.*<pre id="verdict">\([^<]*\)<\/pre>.*/\1/p' "$folder/dom")
[ "$verdict" = "ok" ] || { echo "report in a browser: failed on a phone: ${verdict:-no verdict}"; exit 1; }
chromium --no-pdf-header-footer --print-to-pdf="$folder/report.pdf" "file://$folder/report.html" >/dev/null
[ "$(head -c 5 "$folder/report.pdf")" = "%PDF-" ] || { echo "report in a browser: failed: it does not print"; exit 1; }
if [ $# -gt 0 ]; then
  mkdir -p "$1"
  chromium --window-size=1280,3400 --screenshot="$folder/desktop.png" "file://$folder/report.html" >/dev/null
  chromium --window-size=500,4200 --screenshot="$folder/phone.png" "file://$folder/report.html" >/dev/null
  cp "$folder/report.html" "$folder/report.pdf" "$folder/desktop.png" "$folder/phone.png" "$1/"
fi
echo "report in a browser: ok"
