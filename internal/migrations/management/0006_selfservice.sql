-- Self-service flows: logins, registrations, changes of settings, recoveries and verifications that people are in the midst
-- of, and errors that wait for the error page. The document is sealed: it holds what was typed and the digests of codes.
-- version guards every change. spent_at: the flow has come to its end and takes nothing more.
CREATE TABLE selfservice_flow (
    tenant_id  {{key}}  NOT NULL,
    id         {{key}}  NOT NULL,
    kind       {{key}}  NOT NULL,
    document   {{sealed}} NOT NULL,
    version    {{int}}  NOT NULL,
    created_at {{time}} NOT NULL,
    updated_at {{time}} NOT NULL,
    spent_at   {{time}},
    expires_at {{time}} NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX selfservice_flow_expires ON selfservice_flow (expires_at);
