-- A set of keys. Its row is what a change of the set locks, so that of many servers one rotates.
CREATE TABLE signing_set (
  tenant_id {{key}} NOT NULL,
  set_name {{key}} NOT NULL,
  algorithm {{key}} NOT NULL,
  configured {{key}} NOT NULL,
  revision {{int}} NOT NULL,
  due_at {{time}},
  PRIMARY KEY (tenant_id, set_name)
);

CREATE INDEX signing_set_due ON signing_set (due_at);

-- A key of a set, sealed. state: scheduled, active, retired; origin: schedule, operator.
CREATE TABLE signing_key (
  tenant_id {{key}} NOT NULL,
  set_name {{key}} NOT NULL,
  kid {{key}} NOT NULL,
  algorithm {{key}} NOT NULL,
  key_use {{key}} NOT NULL,
  state {{key}} NOT NULL,
  origin {{key}} NOT NULL,
  ordinal {{int}} NOT NULL,
  sealed_jwk {{sealed}} NOT NULL,
  created_at {{time}} NOT NULL,
  activated_at {{time}},
  retired_at {{time}},
  remove_at {{time}},
  PRIMARY KEY (tenant_id, set_name, kid)
);
