-- Identities that ended, deleted or made inactive, and of whom something has to be taken back in another database: what
-- applications hold of them. A row is written with the change itself and goes when the work is done, so that no crash in
-- between loses it. due_at is when a server may take the row: it is moved on by who takes it, as a lease.
CREATE TABLE identity_end (
    tenant_id   {{key}}  NOT NULL,
    id          {{id}}   NOT NULL,
    identity_id {{id}}   NOT NULL,
    due_at      {{time}} NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX identity_end_due ON identity_end (due_at);
