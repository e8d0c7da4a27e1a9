-- What was decided at the doors: one row for each decision that was drawn as a sample. rule_id is empty where no rule
-- matched, subject where nobody in particular asked. duration_us is in microseconds; bytes is the size of the upstream's
-- answer. Rows go when decided_at is longer ago than the configured retention.
CREATE TABLE flow_decision (
    tenant_id   {{key}}  NOT NULL,
    id          {{key}}  NOT NULL,
    decided_at  {{time}} NOT NULL,
    rule_id     {{key}}  NOT NULL,
    subject     {{key}}  NOT NULL,
    method      {{key}}  NOT NULL,
    host        {{text}} NOT NULL,
    path        {{text}} NOT NULL,
    verdict     {{key}}  NOT NULL,
    reason      {{text}} NOT NULL,
    duration_us {{int}}  NOT NULL,
    bytes       {{int}}  NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX flow_decision_decided ON flow_decision (decided_at);

CREATE INDEX flow_decision_rule ON flow_decision (tenant_id, rule_id, id);
