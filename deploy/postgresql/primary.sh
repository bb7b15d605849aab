#!/bin/sh
# Run once on a new primary: the program's database and role, and the role of the standby.
# The program owns its database and is no superuser, so that row security binds it.
set -eu
: "${PACKTRAIL_DB_PASSWORD:?}" "${REPLICATION_PASSWORD:?}"
psql -v ON_ERROR_STOP=1 -v program="$PACKTRAIL_DB_PASSWORD" -v standby="$REPLICATION_PASSWORD" \
  -d postgres <<'SQL'
-- Nobody confirms commits yet: without this the first statement would wait for the standby.
SET synchronous_commit = local;
CREATE ROLE packtrail LOGIN PASSWORD :'program';
CREATE ROLE standby REPLICATION LOGIN PASSWORD :'standby';
CREATE DATABASE packtrail OWNER packtrail;
SQL
echo "host replication standby all scram-sha-256" >>"$PGDATA/pg_hba.conf"
psql -d postgres -c "SELECT pg_reload_conf()" >/dev/null
