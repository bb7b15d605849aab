#!/bin/sh
# Make the environment of the AS2 peer that tests talk to: pyas2lib, which is GPL, in a process of
# its own. Nothing of it is part of Packtrail.
#
#     sh scripts/as2_peer.sh [FOLDER]      FOLDER is .as2-peer in this checkout
set -eu
cd "$(dirname "$0")/.."
folder=${1:-.as2-peer}
[ -x "$folder/bin/python" ] && "$folder/bin/python" -c "import pyas2lib" 2>/dev/null && exit 0
python3 -m venv "$folder"
"$folder/bin/python" -m pip install -q --disable-pip-version-check pyas2lib==1.4.4 oscrypto==1.3.0
# oscrypto 1.3.0 reads versions of OpenSSL with one digit each only, and stops at 3.0.22.
for file in "$folder"/lib/python*/site-packages/oscrypto/_openssl/_libcrypto_c*.py; do
  sed 's/(\\\\d\\\\.\\\\d\\\\.\\\\d\[a-z\]\*)/(\\\\d+\\\\.\\\\d+\\\\.\\\\d+[a-z]*)/' "$file" > "$file.new"
  mv "$file.new" "$file"
done
"$folder/bin/python" -c "import pyas2lib"
