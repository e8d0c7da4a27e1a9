{{/* Names, labels and what follows from the profile. */}}

{{- define "gatehouse.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "gatehouse.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "gatehouse.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "gatehouse.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* (dict "root" $ "component" "server") */}}
{{- define "gatehouse.selector" -}}
app.kubernetes.io/name: {{ include "gatehouse.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "gatehouse.labels" -}}
{{- $ours := dict "app.kubernetes.io/version" .root.Chart.AppVersion "app.kubernetes.io/part-of" "gatehouse" "app.kubernetes.io/managed-by" .root.Release.Service "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
{{- include "gatehouse.over" (list $ours .root.Values.commonLabels (include "gatehouse.selector" . | fromYaml)) -}}
{{- end -}}

{{/* A list of maps as one: a key of a later one replaces that of an earlier one, since none may stand twice. */}}
{{- define "gatehouse.over" -}}
{{- $all := dict -}}
{{- range . -}}{{- range $key, $value := . -}}{{- $_ := set $all $key $value -}}{{- end -}}{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{/* "true" in production, else nothing. */}}
{{- define "gatehouse.production" -}}
{{- if eq .Values.profile "production" -}}true{{- end -}}
{{- end -}}

{{- define "gatehouse.mode" -}}
{{- if .Values.database.mode -}}{{- .Values.database.mode -}}
{{- else if include "gatehouse.production" . -}}bundled{{- else -}}memory{{- end -}}
{{- end -}}

{{/* "true" where the data is in the server's own pod. */}}
{{- define "gatehouse.embedded" -}}
{{- if has (include "gatehouse.mode" .) (list "memory" "sqlite") -}}true{{- end -}}
{{- end -}}

{{/* "true" where the database is the operator's: what other installations may use, and what is there before this release. */}}
{{- define "gatehouse.external" -}}
{{- if has (include "gatehouse.mode" .) (list "postgres" "mysql" "cockroach") -}}true{{- end -}}
{{- end -}}

{{/* The group of `databases` in the configuration. */}}
{{- define "gatehouse.dialect" -}}
{{- $mode := include "gatehouse.mode" . -}}
{{- if eq $mode "bundled" -}}postgres{{- else if eq $mode "cloudsql" -}}{{- .Values.database.cloudsql.type -}}{{- else -}}{{- $mode -}}{{- end -}}
{{- end -}}

{{- define "gatehouse.databasePort" -}}
{{- $defaults := dict "postgres" 5432 "mysql" 3306 "cockroach" 26257 -}}
{{- $given := ternary .Values.database.cloudsql.port .Values.database.port (eq (include "gatehouse.mode" .) "cloudsql") -}}
{{- default (get $defaults (include "gatehouse.dialect" .)) $given | int -}}
{{- end -}}

{{- define "gatehouse.replicas" -}}
{{- if include "gatehouse.embedded" . -}}1
{{- else if not (kindIs "invalid" .Values.replicaCount) -}}{{- .Values.replicaCount | int -}}
{{- else if include "gatehouse.production" . -}}2{{- else -}}1{{- end -}}
{{- end -}}

{{- define "gatehouse.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* Names of Secrets. */}}
{{- define "gatehouse.secrets" -}}
{{- if .Values.secretConfig.name -}}{{- .Values.secretConfig.name -}}
{{- else if include "gatehouse.secretsGiven" . -}}{{- printf "%s-given" (include "gatehouse.fullname" .) -}}
{{- else -}}{{- printf "%s-secrets" (include "gatehouse.fullname" .) -}}{{- end -}}
{{- end -}}

{{- define "gatehouse.secretsGiven" -}}
{{- if and .Values.secretConfig.create (or .Values.secrets.system .Values.secrets.cookie) -}}true{{- end -}}
{{- end -}}

{{/* "true" where a Job makes the server's secrets. */}}
{{- define "gatehouse.secretsMade" -}}
{{- if and .Values.secretConfig.create (not (include "gatehouse.secretsGiven" .)) -}}
{{- if kindIs "bool" .Values.secretConfig.generate -}}
{{- if .Values.secretConfig.generate -}}true{{- end -}}
{{- else if has (include "gatehouse.mode" .) (list "memory" "sqlite" "bundled") -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{- define "gatehouse.databaseSecret" -}}
{{- if eq (include "gatehouse.mode" .) "bundled" -}}
{{- .Values.database.bundled.existingSecret | default (printf "%s-postgresql" (include "gatehouse.fullname" .)) -}}
{{- else -}}{{- .Values.database.existingSecret -}}{{- end -}}
{{- end -}}

{{/* "true" where a Job makes a key of the admin API. */}}
{{- define "gatehouse.adminKeyMade" -}}
{{- if not .Values.admin.key.existingSecret -}}
{{- if kindIs "bool" .Values.admin.key.generate -}}
{{- if .Values.admin.key.generate -}}true{{- end -}}
{{- else if or (not (include "gatehouse.production" .)) (and .Values.controller.enabled (not (include "gatehouse.adminClients" .))) .Values.database.copyFrom (and .Values.backup.enabled (include "gatehouse.embedded" .)) -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* The Secret with a key of the admin API, nothing where there is none. */}}
{{- define "gatehouse.adminKeySecret" -}}
{{- if .Values.admin.key.existingSecret -}}{{- .Values.admin.key.existingSecret -}}
{{- else if include "gatehouse.adminKeyMade" . -}}{{- printf "%s-admin-key" (include "gatehouse.fullname" .) -}}{{- end -}}
{{- end -}}

{{- define "gatehouse.adminKeyName" -}}
{{- if .Values.admin.key.existingSecret -}}{{- .Values.admin.key.existingSecretKey -}}{{- else -}}admin{{- end -}}
{{- end -}}

{{/* "true" where the controller and `helm test` show certificates of their own, which open less than a key: where the admin listener speaks
TLS, and its certificates of clients are not the user's, neither by `config` nor by variables. Another authority might sign for their names. */}}
{{- define "gatehouse.adminClients" -}}
{{- $own := dig "serve" "admin" dict .Values.config -}}
{{- $theirs := or (dig "tls" "client_ca_file" "" $own) (get $own "certificates") -}}
{{- range .Values.extraEnv -}}
{{- if has .name (list "GATEHOUSE_SERVE_ADMIN_TLS_CLIENT_CA_FILE" "GATEHOUSE_SERVE_ADMIN_CERTIFICATES") -}}{{- $theirs = .name -}}{{- end -}}
{{- end -}}
{{- if and (or .Values.controller.enabled .Values.test.enabled) (include "gatehouse.adminTLS" .) (not .Values.admin.key.existingSecret) (not $theirs) -}}true{{- end -}}
{{- end -}}

{{- define "gatehouse.adminClientsSecret" -}}
{{- printf "%s-admin-clients" (include "gatehouse.fullname" .) -}}
{{- end -}}

{{/* "true" where there is something for `helm test` to run. */}}
{{- define "gatehouse.tries" -}}
{{- if and .Values.test.enabled (or (include "gatehouse.adminClients" .) (include "gatehouse.adminKeySecret" .)) -}}true{{- end -}}
{{- end -}}

{{/* (dict "root" $ "of" .Values.certificate "suffix" "tls"): the Secret of a certificate, nothing where there is none. */}}
{{- define "gatehouse.certificateSecret" -}}
{{- if .of.existingSecret -}}{{- .of.existingSecret -}}
{{- else if or .of.cert .of.certManager.enabled -}}{{- printf "%s-%s" (include "gatehouse.fullname" .root) .suffix -}}{{- end -}}
{{- end -}}

{{- define "gatehouse.publicTLS" -}}
{{- include "gatehouse.certificateSecret" (dict "root" . "of" .Values.certificate "suffix" "tls") -}}
{{- end -}}

{{/* "true" where a Job makes the admin listener's certificate. The controller sends its key to no other pod without TLS. */}}
{{- define "gatehouse.adminTLSMade" -}}
{{- if and (or (include "gatehouse.production" .) .Values.controller.enabled) (not .Values.admin.tlsTerminatedBy)
  (not (include "gatehouse.certificateSecret" (dict "root" . "of" .Values.admin.certificate "suffix" "admin-tls"))) -}}true{{- end -}}
{{- end -}}

{{- define "gatehouse.adminTLS" -}}
{{- if include "gatehouse.adminTLSMade" . -}}{{- printf "%s-admin-tls" (include "gatehouse.fullname" .) -}}
{{- else -}}{{- include "gatehouse.certificateSecret" (dict "root" . "of" .Values.admin.certificate "suffix" "admin-tls") -}}{{- end -}}
{{- end -}}

{{/* The Secret whose ca.crt callers of the admin listener believe, nothing where the system's authorities will do. */}}
{{- define "gatehouse.adminCA" -}}
{{- if .Values.admin.caSecret -}}{{- .Values.admin.caSecret -}}
{{- else if or (include "gatehouse.adminTLSMade" .) .Values.admin.certificate.certManager.enabled -}}{{- include "gatehouse.adminTLS" . -}}{{- end -}}
{{- end -}}

{{- define "gatehouse.adminHost" -}}
{{- printf "%s-admin.%s.svc" (include "gatehouse.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "gatehouse.adminURL" -}}
{{- printf "%s://%s:4445" (ternary "https" "http" (ne (include "gatehouse.adminTLS" .) "")) (include "gatehouse.adminHost" .) -}}
{{- end -}}

{{/* The address of the public listener in the cluster. */}}
{{- define "gatehouse.publicURL" -}}
{{- printf "%s://%s.%s.svc:%s" (ternary "https" "http" (ne (include "gatehouse.publicTLS" .) "")) (include "gatehouse.fullname" .) .Release.Namespace (include "gatehouse.servicePort" .) -}}
{{- end -}}

{{- define "gatehouse.servicePort" -}}
{{- default (ternary 443 80 (ne (include "gatehouse.publicTLS" .) "")) .Values.service.port | int -}}
{{- end -}}

{{- define "gatehouse.host" -}}
{{- if .Values.url -}}{{- (urlParse .Values.url).host | splitList ":" | first -}}{{- end -}}
{{- end -}}

{{/* Which namespaces may claim which hosts: what values say, and the hosts at which this server itself is reached, which are its namespace's
unless values give them away. Whoever else could claim one would lead people's passwords to himself. */}}
{{- define "gatehouse.claims" -}}
{{- $claims := dict -}}
{{- $own := list (include "gatehouse.host" .) .Values.ingress.admin.host -}}
{{- range .Values.config.tenants -}}{{- $own = concat $own (.hosts | default list) -}}{{- end -}}
{{- range $own -}}
{{- $host := lower . | trimSuffix "." -}}
{{- if regexMatch "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$" $host -}}{{- $_ := set $claims $host (list $.Release.Namespace) -}}{{- end -}}
{{- end -}}
{{- range $host, $namespaces := .Values.controller.rules.hosts -}}{{- $_ := set $claims (lower $host | trimSuffix ".") $namespaces -}}{{- end -}}
{{- toYaml $claims -}}
{{- end -}}

{{/* The tenant in which the controller and `helm test` work where the configuration lists tenants and none is the default one: the one that
`url` leads to, else the first that is reached at all. JSON with `id` and `url`, its address; empty where it is the default one. */}}
{{- define "gatehouse.tenant" -}}
{{- $host := include "gatehouse.host" . -}}
{{- $found := dict -}}
{{- range .Values.config.tenants -}}
{{- if eq .id "default" -}}{{- $_ := set $found "default" true -}}{{- end -}}
{{- if has $host (.hosts | default list) -}}
{{- $_ := set $found "own" (dict "id" .id "url" $.Values.url) -}}
{{- else if not $found.first -}}
{{- if .hosts -}}
{{- $_ := set $found "first" (dict "id" .id "url" (replace (printf "://%s" $host) (printf "://%s" (first .hosts)) $.Values.url)) -}}
{{- else if .path_prefix -}}
{{- $_ := set $found "first" (dict "id" .id "url" (printf "%s%s/" (trimSuffix "/" (include "gatehouse.publicAddress" $)) .path_prefix)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- ternary dict ($found.own | default $found.first | default dict) (hasKey $found "default") | toJson -}}
{{- end -}}

{{/* Where people and applications reach the default tenant. */}}
{{- define "gatehouse.publicAddress" -}}
{{- .Values.url | default (include "gatehouse.publicURL" .) -}}
{{- end -}}

{{/* "true" where access rules may ask for countries, whose databases the server then downloads. */}}
{{- define "gatehouse.geoip" -}}
{{- if or .Values.geoip.existingSecret .Values.doors.proxy.enabled .Values.doors.decisions.enabled .Values.doors.extAuthz.enabled -}}true{{- end -}}
{{- end -}}

{{/* "true" where a Job makes any Secret. */}}
{{- define "gatehouse.makesSecrets" -}}
{{- if or (include "gatehouse.secretsMade" .) (include "gatehouse.adminKeyMade" .) (include "gatehouse.adminTLSMade" .) (include "gatehouse.adminClients" .)
  (and (eq (include "gatehouse.mode" .) "bundled") (not .Values.database.bundled.existingSecret)) -}}true{{- end -}}
{{- end -}}

{{/* "true" where a Job prepares the databases. */}}
{{- define "gatehouse.databaseJob" -}}
{{- if and (not (include "gatehouse.embedded" .)) (or .Values.database.migrationJob .Values.database.copyFrom (include "gatehouse.provisions" .)) -}}true{{- end -}}
{{- end -}}

{{- define "gatehouse.provisions" -}}
{{- if or .Values.database.provisioning.enabled (eq (include "gatehouse.mode" .) "bundled") -}}true{{- end -}}
{{- end -}}
