-- Where a system sends results by the signed call (docs/examination.md), the site's role may also add what comes in that
-- way: attempts, but never their publication, and nothing that is on record can be changed by it. Not needed elsewhere.
-- After web-role.sql, which takes it away again:  psql -q -v ON_ERROR_STOP=1 certsvc -f results-role.sql
grant insert (enrolment_id, subject, sat_on, kind, outcome, score_hundredths, items_json, recorded_at, recorded_by)
    on attempt to "certsvc-web";
grant insert on results_delivery, to_decide to "certsvc-web";
grant insert, delete on seen_nonce to "certsvc-web";
