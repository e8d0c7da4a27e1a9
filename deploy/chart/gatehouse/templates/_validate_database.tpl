{{/* One database, and nothing of another. */}}
{{- define "gatehouse.databaseFaults" -}}
{{- $db := .Values.database -}}
{{- $mode := include "gatehouse.mode" . -}}
{{- $production := include "gatehouse.production" . -}}
{{- $embedded := include "gatehouse.embedded" . -}}
{{- $f := list -}}
{{- $own := list "postgres" "mysql" "cockroach" -}}
{{- if and $db.host (not (has $mode $own)) -}}
{{- $f = append $f (printf "database.host and database.mode %s exclude each other: set database.mode to postgres, mysql or cockroach, or take database.host out" $mode) -}}
{{- end -}}
{{- if and $db.cloudsql.instanceName (ne $mode "cloudsql") -}}
{{- $f = append $f (printf "database.cloudsql.instanceName and database.mode %s exclude each other: set database.mode to cloudsql, or take database.cloudsql out" $mode) -}}
{{- end -}}
{{- if and $db.existingSecret (or $embedded (eq $mode "bundled")) -}}
{{- $f = append $f (printf "database.existingSecret and database.mode %s exclude each other: %s" $mode (ternary "the bundled database's passwords are in database.bundled.existingSecret, or made" "it has no password" (eq $mode "bundled"))) -}}
{{- end -}}
{{- if and $db.bundled.existingSecret (ne $mode "bundled") -}}
{{- $f = append $f (printf "database.bundled.existingSecret and database.mode %s exclude each other: take one of them out" $mode) -}}
{{- end -}}
{{- if and (has $mode $own) (not $db.host) -}}
{{- $f = append $f (printf "database.host is required with database.mode %s: the server's name or address" $mode) -}}
{{- end -}}
{{- if and (has $mode (append $own "cloudsql")) (not $db.existingSecret) (not $db.tls.clientSecret) -}}
{{- $f = append $f (printf "database.existingSecret is required with database.mode %s: a Secret in namespace %s with the password of %s in the key database.passwordKey (%s)" $mode .Release.Namespace $db.user $db.passwordKey) -}}
{{- end -}}
{{- if and (contains ":" $db.host) (not (contains "[" $db.host)) (regexMatch ":[0-9]+$" $db.host) -}}
{{- $f = append $f "database.host holds a port: write it into database.port" -}}
{{- end -}}
{{- if contains "://" $db.host -}}
{{- $f = append $f "database.host is a URL: write the name or address alone" -}}
{{- end -}}
{{- if and $db.tls.mode (not (has $mode $own)) -}}
{{- $f = append $f (printf "database.tls.mode has no meaning with database.mode %s: take it out" $mode) -}}
{{- end -}}
{{- if and (has $mode $own) $db.tls.mode -}}
{{- $modes := ternary (list "true" "false" "preferred" "skip-verify") (list "disable" "allow" "prefer" "require" "verify-ca" "verify-full") (eq $mode "mysql") -}}
{{- if not (has $db.tls.mode $modes) -}}
{{- $f = append $f (printf "database.tls.mode is %s: with database.mode %s it is one of %s" $db.tls.mode $mode (join ", " $modes)) -}}
{{- else if and $production (has $db.tls.mode (list "disable" "allow" "prefer" "false" "preferred")) (not (include "gatehouse.accepts" (dict "root" . "check" "database-in-the-clear"))) -}}
{{- $f = append $f (printf "database.tls.mode %s lets passwords and data cross the network in the clear, which production refuses: set verify-full (mysql: true) with database.tls.caSecret, or accept database-in-the-clear with a reason in config.harden.accept" $db.tls.mode) -}}
{{- end -}}
{{- end -}}
{{- range $name, $u := $db.users -}}
{{- if or (not $u.user) (not $u.existingSecret) -}}
{{- $f = append $f (printf "database.users.%s needs user and existingSecret" $name) -}}
{{- end -}}
{{- end -}}
{{- if and $db.users (or $embedded (eq $mode "bundled")) -}}
{{- $f = append $f (printf "database.users has no meaning with database.mode %s: take it out" $mode) -}}
{{- end -}}
{{- if $db.provisioning.enabled -}}
{{- if not (has $mode (append $own "cloudsql")) -}}
{{- $f = append $f (printf "database.provisioning.enabled has no meaning with database.mode %s%s" $mode (ternary ": the bundled database is provisioned always" ": take it out" (eq $mode "bundled"))) -}}
{{- else -}}
{{- range $key := list "user" "existingSecret" -}}
{{- if not (get $db.provisioning $key) -}}
{{- $f = append $f (printf "database.provisioning.%s is required with database.provisioning.enabled" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $db.migrationJob (not $db.autoMigrate) (not $embedded) -}}
{{- $f = append $f "database.autoMigrate: false and database.migrationJob: true contradict each other: set database.migrationJob to false, and run `gatehouse migrate up` before each upgrade" -}}
{{- end -}}
{{- if and $db.copyFrom $embedded -}}
{{- $f = append $f (printf "database.copyFrom has no meaning with database.mode %s: data is copied into a database server" $mode) -}}
{{- end -}}
{{- if and $db.copyFrom (include "gatehouse.external" .) (include "gatehouse.secretsGiven" .) -}}
{{- $f = append $f "database.copyFrom needs secrets that are there before this release: set secretConfig.create to false and secretConfig.name to the Secret of the server that is left" -}}
{{- end -}}
{{- toJson $f -}}
{{- end -}}

{{/* Google Cloud SQL. */}}
{{- define "gatehouse.cloudSQLFaults" -}}
{{- $db := .Values.database -}}
{{- $mode := include "gatehouse.mode" . -}}
{{- $f := list -}}
{{- if eq $mode "cloudsql" -}}
{{- range $key := list "instanceName" "project" "region" -}}
{{- if not (get $db.cloudsql $key) -}}
{{- $f = append $f (printf "database.cloudsql.%s is required with database.mode cloudsql" $key) -}}
{{- end -}}
{{- end -}}
{{- if contains ":" $db.cloudsql.instanceName -}}
{{- $parts := splitList ":" $db.cloudsql.instanceName -}}
{{- $f = append $f (printf "database.cloudsql.instanceName is a whole connection name: write its last part, %s, and the others into project and region" (last $parts)) -}}
{{- end -}}
{{- if regexMatch "^[a-z]+-[a-z]+[0-9]+-[a-z]$" $db.cloudsql.region -}}
{{- $f = append $f (printf "database.cloudsql.region %s is a zone: the region is %s" $db.cloudsql.region (regexReplaceAll "-[a-z]$" $db.cloudsql.region "")) -}}
{{- end -}}
{{- if not $db.autoMigrate -}}
{{- $f = append $f "database.autoMigrate has to be true with database.mode cloudsql: nothing else reaches the database before the proxy is there" -}}
{{- end -}}
{{- end -}}
{{- toJson $f -}}
{{- end -}}

{{/* As many pods as the data allows. */}}
{{- define "gatehouse.replicaFaults" -}}
{{- $v := .Values -}}
{{- $mode := include "gatehouse.mode" . -}}
{{- $embedded := include "gatehouse.embedded" . -}}
{{- $f := list -}}
{{- if $embedded -}}
{{- if and (not (kindIs "invalid" $v.replicaCount)) (gt (int $v.replicaCount) 1) -}}
{{- $f = append $f (printf "replicaCount is %d, but with database.mode %s each pod would have data of its own: set database.mode to a server, or replicaCount to 1" (int $v.replicaCount) $mode) -}}
{{- end -}}
{{- if $v.autoscaling.enabled -}}
{{- $f = append $f (printf "autoscaling.enabled and database.mode %s exclude each other: each pod would have data of its own" $mode) -}}
{{- end -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas)) -}}
{{- $f = append $f "autoscaling.minReplicas is more than autoscaling.maxReplicas" -}}
{{- end -}}
{{- toJson $f -}}
{{- end -}}
