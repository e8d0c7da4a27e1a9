-- A login that proved a credential just before it was replaced, or before all sessions were ended, may store its session just
-- after that. session_epoch counts these events of an identity. epoch is what it was when the credential of the session was
-- proven; sessions that outlive an event are counted up with it. One whose epoch is less opens nothing. NULL: a session of the
-- version before, which counted nothing.
ALTER TABLE identity ADD COLUMN session_epoch {{int}} NOT NULL DEFAULT 0;

ALTER TABLE session ADD COLUMN epoch {{int}};
