-- What the site may do in the register (PostgreSQL): read everything, write what visitors and holders leave behind.
-- Results, approvals, certificates, statuses and the log are out of its reach. Run it as the tables' owner, again after
-- each upgrade:  psql -q -v ON_ERROR_STOP=1 certsvc -f web-role.sql
revoke all on all tables in schema public from "certsvc-web";
grant usage on schema public to "certsvc-web";
grant select on all tables in schema public to "certsvc-web";
-- What the staff sign in with is the console's alone, which runs under the tables' owner (docs/console.md).
revoke select on account, passkey, recovery_code, staff_session from "certsvc-web";
grant usage on all sequences in schema public to "certsvc-web";
grant insert, update, delete on
    api_key_use, holder_code, holder_session, kept_check, limit_count, message, scan_count, share_link, share_opening
    to "certsvc-web";
grant insert, update on home_application to "certsvc-web";
grant insert on audit_event, evidence_picture, reissue_request to "certsvc-web";
