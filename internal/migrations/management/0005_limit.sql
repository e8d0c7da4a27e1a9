-- Failed attempts to prove a name. subject is a keyed digest of the name, alone or with the network that the attempts came
-- from. A row may go when its last failure is long ago.
CREATE TABLE limit_failure (
    tenant_id {{key}}  NOT NULL,
    subject   {{key}}  NOT NULL,
    failures  {{int}}  NOT NULL,
    failed_at {{time}} NOT NULL,
    PRIMARY KEY (tenant_id, subject)
);

CREATE INDEX limit_failure_failed ON limit_failure (failed_at);
