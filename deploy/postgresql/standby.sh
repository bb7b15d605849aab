#!/bin/sh
# Run as the standby: copy the primary at the first start, then follow it until it is promoted.
set -eu
: "${PRIMARY_HOST:?}" "${REPLICATION_PASSWORD:?}" "${PGDATA:?}"
if [ ! -e "$PGDATA/standby.copied" ]; then
  # A copy that was broken off is begun anew, not followed.
  find "$PGDATA" -mindepth 1 -delete
  PGPASSWORD=$REPLICATION_PASSWORD pg_basebackup --pgdata="$PGDATA" --wal-method=stream \
    --checkpoint=fast --write-recovery-conf \
    --dbname="host=$PRIMARY_HOST port=${PRIMARY_PORT:-5432} user=standby application_name=standby"
  chmod 0700 "$PGDATA"
  touch "$PGDATA/standby.copied"
fi
# Once promoted it commits by itself: nobody else is there to confirm.
exec postgres -D "$PGDATA" -c hot_standby=on -c synchronous_standby_names= "$@"
